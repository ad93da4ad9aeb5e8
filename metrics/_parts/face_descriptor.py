"""The face descriptor of dlib: a residual network from a face of 150x150 to 128 numbers.

D. E. King, "High Quality Face Recognition with Deep Metric Learning", blog.dlib.net, 2017:
the network of K. He et al., "Deep Residual Learning for Image Recognition", CVPR 2016,
with fewer layers and half the filters. Two faces are taken for one person where their
descriptors are no farther than 0.6 apart.
Checked against: compute_face_descriptor of dlib 20.0, on the same faces.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from genbench.errors import BadInput, WrongWeights
from genbench.interfaces import Json
from genbench.runtime.devices import full_float32
from genbench.runtime.tensor_digest import digest
from genbench.runtime.weights import WeightsFile

from .dlib_file import Layer, read_layers
from .dlib_package import DESCRIPTOR, SIDE, path_of

SCALE = 256.0  # what dlib divides by, after it took the mean of the channel away
FILTERS = (32, 32, 32, 64, 64, 64, 64, 128, 128, 128, 256, 256, 256, 256)  # of each block
HALVING = (3, 7, 10, 13)  # the blocks that halve the side
# `digest_of` the published file
DIGEST = "19c913a4d1a4ddd76cb9a4da7fb45ffc8bd1f6be0a1fde07d6e6b246cc703a82"
Kind: TypeAlias = tuple[str, tuple[float, ...]]


def digest_of(layers: Sequence[Layer]) -> str:
    """Digest of everything that the network computes with."""
    mean = torch.tensor(layers[0].numbers[:3])
    weights = (
        (f"{place}.{i}", tensor)
        for place, layer in enumerate(layers)
        for i, tensor in enumerate(layer.weights)
    )
    return digest([("mean", mean), *weights])


@dataclass(frozen=True)
class DlibDescriptor:
    """The published network: where it is, and what a protocol must say about it."""

    file: WeightsFile = DESCRIPTOR
    digest: str = DIGEST  # of what the network computes with; a test holds it to the file

    def load(self, device: torch.device, weights_dir: Path | None = None) -> FaceNetwork:
        """The network on *device*.

        Raises:
            MissingWeights: the file is nowhere.
            WrongWeights: the file is something else.
        """
        path = path_of(self.file, weights_dir)
        network = FaceNetwork(read_layers(path.read_bytes(), path.name), path.name)
        network = network.requires_grad_(False).eval().to(memory_format=torch.channels_last)
        return network.to(device)

    def describe(self) -> dict[str, Json]:
        return {
            "name": "dlib_face",
            "layer": "128",
            "digest": self.digest,
            "normalisation": "channel-mean-256",
            "jitter": 0,
        }


class FaceNetwork(nn.Module):
    """From aligned faces to descriptors."""

    mean: Tensor

    def __init__(self, layers: Sequence[Layer], name: str) -> None:
        """The *layers* of the file called *name*.

        Raises:
            WrongWeights: they are not those of this network.
        """
        super().__init__()
        _check(layers, name)
        means = torch.tensor(layers[0].numbers[:3])
        self.register_buffer("mean", means.view(1, 3, 1, 1))
        convolutions = _folded(layers)
        self.stem = next(convolutions)
        blocks = [Block(next(convolutions), next(convolutions)) for _ in FILTERS]
        self.blocks = nn.Sequential(*blocks)
        self.top = nn.Parameter(layers[-1].weights[0])  # (256, 128)

    def forward(self, faces: Tensor) -> Tensor:
        """Descriptors of aligned faces.

        Args:
            faces: uint8, (n, 3, 150, 150), red first.

        Returns:
            float32, (n, 128); of length 1.5 or so.

        Raises:
            BadInput: another type or size.
        """
        if faces.dtype != torch.uint8 or faces.shape[1:] != (3, SIDE, SIDE):
            raise BadInput(
                f"dlib's network looks at uint8 faces (n, 3, {SIDE}, {SIDE}), "
                f"got {faces.dtype} {tuple(faces.shape)}"
            )
        with full_float32(), torch.autocast(faces.device.type, enabled=False):
            x = (faces.float() - self.mean) / SCALE
            x = functional.relu(self.stem(x.contiguous(memory_format=torch.channels_last)))
            x = self.blocks(functional.max_pool2d(x, 3, stride=2))
            found: Tensor = x.mean((2, 3)) @ self.top
        return found


class Block(nn.Module):
    """Two convolutions, and their input beside them, averaged where they halve the side."""

    def __init__(self, first: nn.Conv2d, second: nn.Conv2d) -> None:
        """Convolutions that batch norm has been folded into."""
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, h) -> (n, filters, h', h')."""
        y = self.second(functional.relu(self.first(x)))
        if self.first.stride[0] > 1:
            # No padding here: 8 pixels become 3 in the convolution and 4 in the average.
            x = functional.avg_pool2d(x, 2)
            size = [max(sides) for sides in zip(x.shape[1:], y.shape[1:], strict=True)]
            x, y = _padded(x, size), _padded(y, size)
        return functional.relu(x + y)


def _padded(x: Tensor, size: Sequence[int]) -> Tensor:
    """Zeros after the last channel, row and column, up to *size* (c, h, w)."""
    channels, height, width = (new - old for new, old in zip(size, x.shape[1:], strict=True))
    return functional.pad(x, (0, width, 0, height, 0, channels))


def _plan() -> Iterator[Kind]:
    """Kind and numbers of every layer, from the input up; of the input, the size alone."""
    rest: tuple[Kind, Kind] = ("affine", ()), ("relu", ())
    yield "input", (SIDE, SIDE)
    yield from (("con", (32, 7, 7, 2, 2, 0, 0)), *rest)
    yield "max_pool", (3, 3, 2, 2, 0, 0)
    for block, filters in enumerate(FILTERS):
        halving = block in HALVING
        step = (2, 2, 0, 0) if halving else (1, 1, 1, 1)
        yield from (("con", (filters, 3, 3, *step)), *rest)
        yield from (("con", (filters, 3, 3, 1, 1, 1, 1)), rest[0])
        if halving:
            yield "avg_pool", (2, 2, 2, 2, 0, 0)
        yield from (("add_prev", ()), rest[1])
    yield "avg_pool", (0, 0, 1, 1, 0, 0)
    yield "fc", (128, 256)


def _check(layers: Sequence[Layer], name: str) -> None:
    """Compare with the plan, layer by layer, and the channels with those below."""
    found = [(layer.kind, layer.numbers) for layer in layers]
    if found and found[0][0] == "input":
        found[0] = ("input", found[0][1][3:])
    for place, (mine, wanted) in enumerate(zip_longest(found, _plan())):
        if mine != wanted:
            raise WrongWeights(
                f"{name} is not the face network of dlib: layer {place} from the input is "
                f"{mine or 'missing'}, wanted {wanted or 'none'}; fetch the published file again"
            )
    channels = 3
    for place, layer in enumerate(layers):
        into, out = channels, channels
        if layer.kind == "con":
            out, into = layer.weights[0].shape[:2]
        elif layer.kind == "affine":
            into = len(layer.weights[0])
        if into != channels:
            raise WrongWeights(
                f"{name} is not the face network of dlib: layer {place} takes {into} channels, "
                f"the one below gives {channels}; fetch the published file again"
            )
        channels = out


def _folded(layers: Sequence[Layer]) -> Iterator[nn.Conv2d]:
    """Each convolution with the affine layer above it in one: g·(w x + b) + o."""
    for layer, above in pairwise(layers):
        if layer.kind != "con":
            continue
        (kernel, bias), (gain, offset) = layer.weights, above.weights
        out, into, height, width = kernel.shape
        stride, padding = int(layer.numbers[3]), int(layer.numbers[5])
        conv = nn.Conv2d(into, out, (height, width), stride, padding)
        wide = gain.double()
        conv.weight.data = (kernel.double() * wide[:, None, None, None]).float()
        conv.bias = nn.Parameter((bias.double() * wide + offset.double()).float())
        yield conv
