"""Fréchet distance of features of DINOv2, which is not FID and does not compare with it.

Its weights are not part of genbench: give the file `dinov2_vitl14_pretrain.pth`.
Paper: G. Stein et al., "Exposing Flaws of Generative Model Evaluation Metrics and Their Unfair
    Treatment of Diffusion Models", NeurIPS 2023, arXiv:2306.04675.
Checked against: see `fid` for the distance, torchvision's transformer for the features.
"""

from __future__ import annotations

from .fid import metric

METRIC = metric("dinov2", "cls", "fd_dinov2", "FD (DINOv2)")
