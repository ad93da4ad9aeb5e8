"""What other people's models return: the images or latents in it, where these are plain.

Libraries return tensors, arrays, tuples, mappings, output objects and distributions. What can be
taken in one way only is taken; of the rest the error says what was found and what is wanted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from genbench.errors import BadInput

Posterior = Literal["mode", "sample"]  # which latent of a distribution is decoded
POSTERIORS: tuple[Posterior, ...] = ("mode", "sample")
WANTED = "return the images, (n, 3, h, w) in [-1, 1]"

# Names of fields, as diffusers, pythae, transformers and common code have them.
IMAGES = (
    *("sample", "samples", "images", "image", "reconstruction", "reconstructions", "recon"),
    *("recon_x", "x_recon", "recons", "x_hat", "x_rec", "pixel_values", "decoded"),
)
MEANS = ("mean", "mu", "loc", "z_mean", "z_mu", "embedding")
LOG_VARIANCES = ("logvar", "log_var", "log_variance", "log_covariance", "z_logvar", "z_log_var")
DEVIATIONS = ("std", "sigma", "scale", "stddev")
POINTS = ("latent", "latents", "z", "embedding", "code", "codes")


# --- images -----------------------------------------------------------------------------


def images(found: Any, call: str) -> Tensor:
    """The images in what *call* gave: (n, 3, h, w), floats of 32 bits or more, or bytes.

    Channels that come last are put first. What is one tensor of another shape is left as it is:
    whoever knows the size of the images says what is wrong with it.

    Raises:
        BadInput: there are none, or several.
    """
    whole = _tensor(found)
    if whole is None and is_distribution(found):
        whole = _tensor(_property(found, "mean"))
    if whole is None:
        whole = _stacked(found)
    if whole is None:
        whole = _only_images(found)
    if whole is None:
        raise BadInput(f"{call} gave {words(found)}; {WANTED}")
    if _channels_last(whole):
        whole = whole.permute(0, 3, 1, 2)
    return whole.float() if whole.dtype in (torch.float16, torch.bfloat16) else whole


def _only_images(found: Any) -> Tensor | None:
    """The one tensor of the shape of images, or the one of them whose name says so."""
    tensors = _tensors(_fields(found))
    if len(tensors) == 1:
        return next(iter(tensors.values()))
    shaped = {name: tensor for name, tensor in tensors.items() if _like_images(tensor)}
    named = {name: tensor for name, tensor in shaped.items() if name in IMAGES}
    for few in (shaped, named):
        if len(few) == 1:
            return next(iter(few.values()))
    return None


def _stacked(found: Any) -> Tensor | None:
    """A list of single images, (3, h, w), (h, w, 3) or PIL's, as one tensor."""
    listed = _listed(found)
    if not isinstance(listed, list):
        return None
    parts = [image for part in listed if (image := _single(part)) is not None]
    alike = len(parts) == len(listed) and len({part.shape for part in parts}) == 1
    return torch.stack(parts) if alike else None


def _listed(found: Any) -> Any:
    """The list of images that a pipeline of diffusers returns, or *found* itself."""
    fields = {} if isinstance(found, list) else _fields(found)
    return fields["images"] if isinstance(fields.get("images"), list) else found


def _single(part: Any) -> Tensor | None:
    if isinstance(part, Image.Image):
        return torch.from_numpy(np.array(part.convert("RGB"))).permute(2, 0, 1)
    tensor = _tensor(part)
    if tensor is None or tensor.ndim != 3 or 3 not in (tensor.shape[0], tensor.shape[-1]):
        return None
    return tensor if tensor.shape[0] == 3 else tensor.permute(2, 0, 1)


def _like_images(tensor: Tensor) -> bool:
    return tensor.ndim == 4 and (tensor.shape[1] == 3 or _channels_last(tensor))


def _channels_last(tensor: Tensor) -> bool:
    """Whether it is (n, h, w, 3), NHWC, and cannot be anything else."""
    return tensor.ndim == 4 and tensor.shape[-1] == 3 and tensor.shape[1] != 3


# --- latents ----------------------------------------------------------------------------


def latents(found: Any, posterior: Posterior = "mode") -> Any:
    """What of an encoder's output goes into its decoder.

    Two tensors of one shape are mean and log variance. What this knows nothing of goes to the
    decoder as it is, since that may well take it.

    Args:
        found: what the encoder gave.
        posterior: its most likely latent, or one drawn from it.

    Raises:
        BadInput: a draw is wanted, and this is no distribution.
    """
    if is_distribution(found):
        return found.sample() if posterior == "sample" else _mode(found)
    fields = {} if _tensor(found) is not None else _fields(found)
    if is_distribution(fields.get("latent_dist")):
        return latents(fields["latent_dist"], posterior)
    spread = _gaussian(found, fields)
    if spread is not None:
        mean, deviation = spread
        if posterior == "mode":
            return mean
        return mean + deviation * torch.randn_like(mean)
    if posterior == "sample":
        raise BadInput(
            f"a sample of the posterior was asked for, and encode gave {words(found)}, which is no "
            "distribution; leave --posterior out"
        )
    return _point(found, fields)


def _gaussian(found: Any, fields: Mapping[str, Any]) -> tuple[Tensor, Tensor] | None:
    """Mean and standard deviation, where both are there."""
    if isinstance(found, tuple | list) and len(found) == 2 and set(fields) == {"0", "1"}:
        first, second = map(_tensor, found)
        if first is not None and second is not None and first.shape == second.shape:
            return first, (second / 2).exp()
    mean = _named(fields, MEANS)
    if mean is None:
        return None
    log_variance, deviation = _named(fields, LOG_VARIANCES), _named(fields, DEVIATIONS)
    if log_variance is not None:
        return mean, (log_variance / 2).exp()
    return None if deviation is None else (mean, deviation)


def _point(found: Any, fields: Mapping[str, Any]) -> Any:
    """The one latent, or *found* itself."""
    whole = _tensor(found)
    if whole is not None:
        return whole
    tensors = _tensors(fields)
    if len(tensors) == 1:
        return next(iter(tensors.values()))
    named = [tensor for name, tensor in tensors.items() if name in POINTS]
    return named[0] if len(named) == 1 else found


def _tensors(fields: Mapping[str, Any]) -> dict[str, Tensor]:
    """Those of *fields* that are tensors or arrays."""
    found = {name: _tensor(part) for name, part in fields.items()}
    return {name: tensor for name, tensor in found.items() if tensor is not None}


def _named(fields: Mapping[str, Any], names: Sequence[str]) -> Tensor | None:
    found = [tensor for name in names if (tensor := _tensor(fields.get(name))) is not None]
    return found[0] if len(found) == 1 else None


# --- kinds ------------------------------------------------------------------------------


def is_distribution(found: Any) -> bool:
    """torch's, and those that diffusers makes: it can be sampled and has a mode or a mean."""
    if isinstance(found, Tensor | np.ndarray | Mapping | type):
        return False
    if isinstance(found, torch.distributions.Distribution):
        return True
    return callable(getattr(found, "sample", None)) and callable(getattr(found, "mode", None))


def _mode(found: Any) -> Any:
    """Its mode, or its mean where torch knows no mode."""
    try:
        return _property(found, "mode")
    except NotImplementedError:  # how torch's distributions say that they have none
        return _property(found, "mean")


def _property(found: Any, name: str) -> Any:
    """A value that is a property in torch and a method in diffusers."""
    value = getattr(found, name)
    return value() if callable(value) else value


def _tensor(found: Any) -> Tensor | None:
    """A tensor, or an array as one; None for anything else."""
    if isinstance(found, Tensor):
        return found
    if isinstance(found, np.ndarray) and found.dtype.kind in "fiub":
        # torch does not take streams that run backwards, and warns of memory it may not write to.
        plain = found.flags.writeable and found.flags.c_contiguous
        return torch.from_numpy(found if plain else found.copy())
    return None


def _fields(found: Any) -> dict[str, Any]:
    """The parts of a mapping, a tuple or an object of data, by name; places count as names."""
    if isinstance(found, Mapping):
        return {str(name): part for name, part in found.items()}
    if isinstance(found, tuple | list):
        names = getattr(found, "_fields", range(len(found)))  # of a named tuple
        return {str(name): part for name, part in zip(names, found, strict=True)}
    try:
        return dict(vars(found))
    except TypeError:  # it has no attributes of its own
        return {}


def words(found: Any) -> str:
    """What *found* is, for a message: "a tuple of (Tensor, None)"."""
    if isinstance(found, tuple | list) and type(found) in (tuple, list):
        kind = type(found).__name__
        few = [_kind(part) for part in found[:6]]
        return f"a {kind} of ({', '.join([*few, *(['...'] if len(found) > 6 else [])])})"
    whole = _tensor(found)
    if whole is not None:
        return f"a {type(found).__name__} of shape {tuple(whole.shape)}"
    fields = _fields(found)
    if not fields:
        return "None" if found is None else f"an object of {type(found).__name__}"
    parts = ", ".join(f"{name}: {_kind(part)}" for name, part in list(fields.items())[:6])
    return f"{type(found).__name__}({parts})"


def _kind(part: Any) -> str:
    return "None" if part is None else type(part).__name__
