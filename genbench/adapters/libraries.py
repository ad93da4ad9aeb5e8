"""What is known of models of libraries beyond what their methods say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from genbench.adapters import outputs
from genbench.adapters.outputs import Posterior
from genbench.errors import NotMeasurable

Range = tuple[float, float]
OURS: Range = (-1.0, 1.0)
UNIT: Range = (0.0, 1.0)

# Models of pythae whose latent is not one of the Gaussian that their encoder gives: flows,
# leapfrog steps and other geometries lie between.
DRAWN = ("HVAE", "RHVAE", "SVAE", "PoincareVAE", "VAE_IAF", "VAE_LinNF")


@dataclass(frozen=True)
class Library:
    """How models of one library are called."""

    value_range: Range = OURS
    encode: Callable[[Tensor, Posterior], Any] | None = None  # None: as its methods say
    decode: Callable[[Any], Any] | None = None


def of(model: Any) -> Library:
    """What is known of the library that *model*, or a class above its own, comes from."""
    for kind in type(model).__mro__:
        home = kind.__module__.partition(".")[0]
        if home == "pythae" and kind.__name__ == "BaseAE":
            return _pythae(model)
        if home == "diffusers" and kind.__name__ == "AutoencoderRAE":
            return Library(UNIT)  # it normalises images of [0, 1], as DINOv2 and SigLIP want them
    return Library()


def _pythae(model: Any) -> Library:
    """Images in [0, 1]; `predict` is encoder and decoder, `embed` what training decodes.

    Source: pythae 0.1.2, `models/base/base_model.py`.
    """

    def encode(images: Tensor, posterior: Posterior) -> Any:
        if hasattr(model, "quantizer"):
            codes = model.embed(images)
        elif model.model_name not in DRAWN:
            codes = model.encoder(images)
        elif posterior == "sample":
            return model.embed(images)
        else:
            raise NotMeasurable(
                f"{model.model_name} of pythae reconstructs from draws of its posterior only; "
                "measure it with --posterior sample"
            )
        return outputs.latents(codes, posterior)

    return Library(UNIT, encode, model.decoder)
