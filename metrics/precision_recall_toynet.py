"""Precision, recall, density, coverage in features of toynet, trained on toyfaces; no download.

Checked against: see `precision_recall` for the shares.
"""

from __future__ import annotations

from .precision_recall import metric

METRIC = metric("toynet", "64", "_toynet", " (toynet)", "toynet")
