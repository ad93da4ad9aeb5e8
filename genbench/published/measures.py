"""Which of our scores a metric of a paper stands beside, and what it is called in a table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """What a paper's metric is called in a table."""

    score: str  # ours that it stands beside
    title: str
    lower_is_better: bool
    splits: tuple[str, ...]  # of those numbers that ours are also taken over

    def beside(self, score: str) -> bool:
        """Whether it stands beside *score* of ours: "ppl" beside "ppl_face" too."""
        base = score.partition("_")[0]
        return self.score == (base if base in VARIANTS else score)


MEASURES = {
    "fid": Measure("fid", "FID", True, ("samples",)),
    "fid_10k_best": Measure("fid", "FID (10k), best", True, ("samples",)),
    "fid_10k_at_20M": Measure("fid", "FID (10k) at 20M", True, ("samples",)),
    "swd": Measure("swd", "SWD", True, ("samples",)),
    "swd_x1e3": Measure("swd", "SWD", True, ("samples",)),
    "inception_score": Measure("inception_score", "IS", False, ("samples",)),
    "ms_ssim": Measure("ms_ssim_diversity", "MS-SSIM between samples", True, ("samples",)),
    "ppl": Measure("ppl", "PPL", True, ("samples",)),
    "psnr_db": Measure("psnr", "PSNR (dB)", False, ("test",)),
    "rmse": Measure("rmse", "RMSE", True, ("test",)),
    "lpips": Measure("lpips", "LPIPS", True, ("reconstruction",)),
    "identity_l2_median": Measure("identity", "identity", True, ("reconstruction",)),
}
VARIANTS = ("ppl", "lpips")  # scores of which a paper does not say which variant it took
