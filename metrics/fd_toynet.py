"""Fréchet distance of features of toynet, trained on toyfaces; not FID. Needs no download.

For toy faces, and for a first look at anything else: see the network in `genbench list feature`.
Checked against: see `fid` for the distance; blur, noise and other faces for the features.
"""

from __future__ import annotations

from .fid import metric

METRIC = metric("toynet", "64", "fd_toynet", "FD (toynet)")
