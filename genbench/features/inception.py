"""Inception of 2015-12-05, the network behind FID.

The graph and its weights are Google's (inception-2015-12-05, Apache-2.0). Images are
resized to 299x299 by the rule of TensorFlow 1, as in the code of M. Heusel et al., "GANs
Trained by a Two Time-Scale Update Rule", NeurIPS 2017, arXiv:1706.08500.
Checked against: torch-fidelity 0.4, with the same weights.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from genbench.errors import NotMeasurable
from genbench.features._network import PLAN, build, convolutions, tensors
from genbench.interfaces import Json, Network
from genbench.runtime.devices import full_float32
from genbench.runtime.tensor_digest import digest, joined
from genbench.runtime.weights import WeightsFile, find

SIDE = 299  # pixels the network looks at
CLASSES = "logits_unbiased"  # the layer after the last of the plan
FULL = WeightsFile(
    names=(
        "pt_inception-2015-12-05-6726825d.pth",
        "weights-inception-2015-12-05-6726825d.pth",
    ),
    sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    url="https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
    "pt_inception-2015-12-05-6726825d.pth",
    size=95_628_359,
    origin="Google's graph inception-2015-12-05, Apache-2.0, converted for PyTorch by pytorch-fid",
    gives="inception layers 64, 192, 768, 2048 and its classes",
)
TO_MIXED6E = WeightsFile(
    names=("inception-2015-12-05-to-mixed6e.safetensors",),
    sha256="b4cbd494028b5a9c860ea3ff8ded283f761f364b0bdbf9686fdb75f0bea87117",
    url=None,
    origin="the same graph up to Mixed_6e, Apache-2.0, from Apple's MetalImageRecognition sample",
    gives="inception layers 64, 192 and 768",
)


def load(
    *,
    weights_dir: Path | None,
    device: torch.device,
    download: bool = False,
    files: Sequence[WeightsFile] = (FULL, TO_MIXED6E),
) -> Inception:
    """The network with the first of *files* that is at hand.

    Raises:
        MissingWeights: none is; the message says where they may be put.
        WrongWeights: a file has the right name and other content.
    """
    file, path = find(files, weights_dir, download=download)
    if path.suffix == ".safetensors":
        weights = load_file(path)
    else:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    return Inception(weights, file, device)


class Inception:
    """An `Extractor` with the layers that its weights can give."""

    name = "inception"

    def __init__(
        self, weights: Mapping[str, Tensor], file: WeightsFile, device: torch.device
    ) -> None:
        """*weights* by the names of the PyTorch conversions, from *file*."""
        self.files: Mapping[str, str] = {file.names[0]: file.sha256}
        chains = {
            layer: chain
            for layer, chain in PLAN.items()
            if all(f"{conv.name}.conv.weight" in weights for conv in convolutions(chain))
        }
        self.stages = {
            layer: build(chain, weights)
            .requires_grad_(False)
            .eval()
            .to(memory_format=torch.channels_last)
            .to(device)
            for layer, chain in chains.items()
        }
        self.layers = tuple(self.stages)
        parts = [digest((name, weights[name]) for name in tensors(chains[at])) for at in chains]
        # A layer depends on all stages before it, and on nothing behind it.
        self.digests = {at: joined(parts[: i + 1]) for i, at in enumerate(chains)}
        self.classes = None
        if "2048" in self.stages and "fc.weight" in weights:
            self.classes = weights["fc.weight"].to(device)  # (1008, 2048)
            self.layers += (CLASSES,)
            classes = digest([("fc.weight", weights["fc.weight"])])
            self.digests[CLASSES] = joined([*parts, classes])

    def __call__(self, images: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        """Features of *images*, no deeper than the deepest layer asked for.

        Convolutions differ by about 1e-6 with the size of the batch: hand over real and
        generated images in batches of one size. On a CPU, batches of 16 are a tenth to a fifth
        faster than batches of 64, whose activations leave the cache.

        Args:
            images: uint8, (n, 3, h, w), on the device of the network.
            layers: of `layers`.

        Returns:
            {layer: float32 (n, d)}; d is the layer's name, 1008 for ``logits_unbiased``.

        Raises:
            NotMeasurable: a layer that these weights cannot give.
        """
        for layer in layers:
            if layer not in self.layers:
                raise NotMeasurable(_missing_layer(layer, self.layers, next(iter(self.files))))
        with torch.no_grad(), full_float32(), torch.autocast(images.device.type, enabled=False):
            return self._features(prepared(images), layers)

    def compile(self) -> None:
        """Let torch compile each stage when it is first used."""
        for stage in self.stages.values():
            stage.compile()

    def describe(self, layer: str) -> dict[str, Json]:
        """What the protocol must say of *layer*."""
        return {
            "name": self.name,
            "digest": self.digests[layer],
            "resize": "tf1-bilinear",
            "side": SIDE,
            "normalisation": "minus-128-over-128",
        }

    def _features(self, x: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        wanted = set(layers)
        for layer, stage in self.stages.items():
            x = stage(x)
            if layer in wanted or layer == "2048":
                found[layer] = x.mean((2, 3))
            if wanted <= found.keys():
                break
        if self.classes is not None and CLASSES in wanted:
            found[CLASSES] = found["2048"] @ self.classes.T
        return {layer: found[layer] for layer in layers}


def _missing_layer(layer: str, layers: Sequence[str], file: str) -> str:
    """Why the weights at hand cannot give *layer*, and what to do."""
    if layer in (*PLAN, CLASSES):
        return (
            f"inception layer {layer} is not in {file}, which gives {', '.join(layers)}; "
            f"run with --download, or fetch {FULL.url}"
        )
    return f"inception has no layer {layer!r}; it gives {', '.join(layers)}"


def prepared(images: Tensor) -> Tensor:
    """uint8 (n, 3, h, w) -> what the network looks at, float32 (n, 3, 299, 299)."""
    # Exact before the resize, and the same after it, for each row of the resize sums to 1.
    x = (images.float() - 128) / 128
    return resized(x).contiguous(memory_format=torch.channels_last)


def resized(x: Tensor) -> Tensor:
    """Bilinear resize of TensorFlow 1: (n, c, h, w) -> (n, c, 299, 299)."""
    down = _bilinear(x.shape[2], x.device)
    across = _bilinear(x.shape[3], x.device)
    return down @ (x @ across.T)


@functools.lru_cache(maxsize=16)
def _bilinear(size: int, device: torch.device) -> Tensor:
    """The resize of one axis as a matrix, (299, size).

    Pixel i looks at i·size/299, in float32: no half-pixel offset, no antialiasing.
    """
    place = torch.arange(SIDE, dtype=torch.float32) * torch.tensor(size / SIDE)
    low = place.long()
    high = (low + 1).clamp_max(size - 1)
    share = (place - low)[:, None]
    rows = torch.eye(size)
    return ((1 - share) * rows[low] + share * rows[high]).to(device)


NETWORK = Network(load, (*PLAN, CLASSES))
