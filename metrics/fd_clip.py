"""Fréchet distance of features of CLIP, which is not FID and does not compare with it.

Its weights are not part of genbench: give a file such as `clip_vit_b_32_openai.safetensors`.
Paper: T. Kynkäänniemi, T. Karras, M. Aittala, T. Aila, J. Lehtinen, "The Role of ImageNet
    Classes in Fréchet Inception Distance", ICLR 2023, arXiv:2203.06026.
Checked against: see `fid` for the distance, torch's encoder layers for the features.
"""

from __future__ import annotations

from .fid import metric

METRIC = metric("clip", "cls", "fd_clip", "FD (CLIP)")
