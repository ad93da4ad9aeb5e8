"""Kernel distance of features of toynet, trained on toyfaces; not KID. Needs no download.

The squared maximum mean discrepancy over all pairs of images, without bias: 0 on average for two
sets of one distribution, however few images they have.
Checked against: see `kid` for the distance; blur, noise and other faces for the features.
"""

from __future__ import annotations

from .kid import metric

METRIC = metric("toynet", "64", "kd_toynet", "KD (toynet)")
