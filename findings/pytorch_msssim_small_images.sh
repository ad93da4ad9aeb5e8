#!/usr/bin/env bash
# pytorch-msssim 1.0.0: SSIM of images smaller than its window is a number, near 1, of something else.
#
# Where a side is shorter than the window of 11 pixels, the package leaves out the smoothing along
# that side and goes on, with a warning. At 8x8 nothing is smoothed, so every variance is 0, the
# term of contrast and structure is C2 / C2 = 1 whatever the images are, and what is returned is the
# mean of the luminance term of single pixels. Two sets of independent noise are then "0.7 alike"
# at 8x8, and 0.00 alike at 16x16, where the window fits. ms_ssim of the same package refuses.
# Who follows SSIM over the resolutions of a growing model (4x4, 8x8, 16x16, ...) draws a curve that
# falls for this reason alone.
#
# Output seen (torch 2.13.0, Python 3.11):
#   8x8: SSIM of noise and other noise 0.695, by hand from single pixels 0.695
#   16x16: -0.001
#   warning: Skipping Gaussian Smoothing at dimension 2+0
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 numpy==2.2.6 pytorch-msssim==1.0.0
"$folder/venv/bin/python" - <<'PYTHON'
import warnings

import torch
from pytorch_msssim import ssim

rng = torch.Generator().manual_seed(0)
small, other = torch.rand(2, 64, 3, 8, 8, generator=rng)
large, another = torch.rand(2, 64, 3, 16, 16, generator=rng)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    unsmoothed = float(ssim(small, other, data_range=1.0))
c1 = 0.01**2
by_hand = float(((2 * small * other + c1) / (small**2 + other**2 + c1)).mean())
smoothed = float(ssim(large, another, data_range=1.0))
print(f"8x8: SSIM of noise and other noise {unsmoothed:.3f}, by hand from single pixels {by_hand:.3f}")
print(f"16x16: {smoothed:.3f}")
print(f"warning: {str(caught[0].message).partition(' for input')[0]}")
assert unsmoothed > 0.6 and abs(unsmoothed - by_hand) < 1e-3
assert abs(smoothed) < 0.02
assert "Skipping Gaussian Smoothing" in str(caught[0].message)
PYTHON
