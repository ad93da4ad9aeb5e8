"""Path length in the space of toynet, trained on toyfaces; not PPL. Needs no download.

How much the features of images change over a small step in latent space, squared and divided by
the squared step, as PPL does it with LPIPS.
Checked against: see `ppl` for the steps and the mean.
"""

from __future__ import annotations

from ._parts.perceptual_distances import Distances
from .ppl import metric

METRIC = metric(Distances("toynet", "64"), "path_length_toynet", "path length (toynet)")
