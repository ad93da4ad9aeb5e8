"""A small network that genbench has trained itself, on its toy faces; nothing to download.

It has learnt to tell the attributes of toy faces, and how blurred and how noisy a picture is. It
has seen no photograph, so what it says of other images orders them no more than by colours and
coarse shapes; and no number through it compares with FID, KID or PPL. It is there for what must
be quick and at hand everywhere: first steps, examples, tests.
Trained by: python -m genbench.features._train_toynet toynet.safetensors
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from genbench.errors import BadInput, MissingWeights, NotMeasurable, WrongWeights
from genbench.features._toynet import FEATURES, SIDE, trunk
from genbench.images import to_floats
from genbench.interfaces import Json, Network
from genbench.runtime import weights
from genbench.runtime.devices import full_float32
from genbench.runtime.tensor_digest import digest

LAYER = str(FEATURES)
FILE = Path(__file__).with_suffix(".safetensors")
SHA256 = "20a05ca6fd8fc63cdf6ce2f457e8f697fec78e247e168e83d4e48d408e744da8"
AT_ONCE = 256  # images in a forward pass


def load(*, weights_dir: Path | None, device: torch.device, download: bool = False) -> Toynet:
    """The network; its weights travel with the package, so no folder is looked into."""
    del weights_dir, download
    return Toynet(read(FILE), device)


def read(path: Path) -> dict[str, Tensor]:
    """All tensors of the file, by name.

    Raises:
        MissingWeights: the package has lost it.
        WrongWeights: it is not the file that the package came with.
    """
    if not path.is_file():
        raise MissingWeights(f"{path} is not there, though it is part of genbench; install it anew")
    if (found := weights.digest(path)) != SHA256:
        raise WrongWeights(
            f"{path} is not the file that genbench came with: its sha256 is {found}, "
            f"wanted {SHA256}; install genbench anew"
        )
    return load_file(path)


def card() -> dict[str, Any]:
    """How the network was trained, and what it tells of faces that it has not seen."""
    with safe_open(FILE, "pt") as file:
        found: dict[str, Any] = json.loads(file.metadata()["card"])
    return found


class Toynet:
    """An `Extractor` with one layer, "64"."""

    name = "toynet"
    layers: tuple[str, ...] = (LAYER,)

    def __init__(self, tensors: Mapping[str, Tensor], device: torch.device) -> None:
        """*tensors* by the names of the file; only the trunk's are looked at."""
        self.files: Mapping[str, str] = {FILE.name: SHA256}
        own = {
            name.removeprefix("trunk."): tensor
            for name, tensor in tensors.items()
            if name.startswith("trunk.")
        }
        self.digest = digest(own.items())
        self.trunk = trunk()
        self.trunk.load_state_dict(own)
        self.trunk.requires_grad_(False).eval().to(device)

    def __call__(self, images: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        """Features of *images*, of variance 1 or so over toy faces.

        Floats are taken as they are: models do not clamp, and the ends of a small step
        must not be cut apart.

        Args:
            images: uint8, or float32 in [-1, 1]; (n, 3, h, w), on the device of the network.
            layers: ("64",).

        Returns:
            {"64": float32 (n, 64)}.

        Raises:
            BadInput: images of another type or shape.
            NotMeasurable: another layer.
        """
        _check(images)
        if wrong := [layer for layer in layers if layer != LAYER]:
            raise NotMeasurable(f"{self.name} has no layer {wrong[0]!r}; it gives {LAYER}")
        with torch.no_grad(), full_float32(), torch.autocast(images.device.type, enabled=False):
            rows = [self.trunk(prepared(some)) for some in torch.split(images, AT_ONCE)]
        return {LAYER: torch.cat(rows)}

    def compile(self) -> None:
        """Let torch compile the network when it is first used."""
        self.trunk.compile()

    def describe(self, layer: str) -> dict[str, Json]:
        """What the protocol must say; there is one *layer*."""
        del layer
        return {
            "name": self.name,
            "digest": self.digest,
            "resize": "bilinear-antialias",
            "side": SIDE,
            "trained_on": "toyfaces-attributes",
        }


def prepared(images: Tensor) -> Tensor:
    """uint8, or float32 in [-1, 1], (n, 3, h, w) -> float32 (n, 3, 32, 32)."""
    x = to_floats(images) if images.dtype == torch.uint8 else images
    if tuple(x.shape[-2:]) == (SIDE, SIDE):
        return x
    return functional.interpolate(x, (SIDE, SIDE), mode="bilinear", antialias=True)


def _check(images: Tensor) -> None:
    if images.dtype not in (torch.uint8, torch.float32):
        raise BadInput(
            f"images must be uint8 in 0..255 or float32 in [-1, 1], got {images.dtype}; "
            "convert them first"
        )
    if images.ndim != 4 or images.shape[1] != 3 or len(images) == 0:
        raise BadInput(
            f"images must be (n, 3, h, w) with n of 1 or more, got {tuple(images.shape)}"
        )


NETWORK = Network(load, (LAYER,), floats=True)
