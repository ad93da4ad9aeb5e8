"""How to measure: everything that an evaluation may be told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from genbench.adapters.outputs import POSTERIORS, Posterior
from genbench.errors import BadSetting
from genbench.interfaces.streams import Count

QUANTISE = ("round", "truncate")
CHECKPOINTS = ("latest", "best")
METRICS = ("fid", "swd", "rmse", "psnr")  # where none is asked for
DEFAULT_IMAGES = 10_000  # samples and real images, as in the tables of the Pioneer paper


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How to measure. What of it changes a number is in the protocol."""

    metrics: tuple[str, ...]
    images: int | None = None  # samples; None: 10,000 or what there is
    reference: int | None = None  # real images; None: as many as samples
    fewer: bool = False  # take fewer real or held-out images where the data has no more
    pairs: int | None = None  # held-out images; None: 10,000 or what there is
    paths: int | None = None  # steps in latent space; None: as many as images
    repeats: int = 3  # independent sets of samples, for the error bar
    quantise: str = "round"  # or "truncate", as image writers before 2019 did
    seed: int = 0
    batch: int | None = None  # images at once; None: 64 on a CPU, on a GPU what fits
    checkpoint: str = "latest"  # of runs; or "best", the weights that training has kept
    posterior: Posterior = "mode"  # which latent of an encoder's distribution is decoded
    device: str = "auto"
    devices: int = 1  # processes on each machine, one for each device; they share every pass
    compile: bool = False  # the feature networks, which may change the last digits of features
    jackknife: bool = False  # error bars of numbers that come of one set on each side
    anchors: bool = False  # measure real images, the mean image and untrained models too
    untrained: bool = True  # whether the anchors have untrained models among them
    weights_dir: Path | None = None
    download: bool = False

    def __post_init__(self) -> None:
        """Refuse words that are none of those wanted: a misspelt one must not pass for another.

        Raises:
            BadSetting: of *quantise*, *checkpoint* or *posterior*.
        """
        if self.quantise not in QUANTISE:
            raise BadSetting(
                f"quantise is {self.quantise!r}, wanted {' or '.join(QUANTISE)}; "
                "round is what every metric's original code does"
            )
        if self.checkpoint not in CHECKPOINTS:
            raise BadSetting(
                f"checkpoint is {self.checkpoint!r}, wanted {' or '.join(CHECKPOINTS)}"
            )
        if self.posterior not in POSTERIORS:
            raise BadSetting(f"posterior is {self.posterior!r}, wanted {' or '.join(POSTERIORS)}")

    def counts(self) -> dict[Count, int | None]:
        """The options that size streams."""
        return {
            "images": self.images,
            "reference": self.reference,
            "pairs": self.pairs,
            "paths": self.paths,
        }
