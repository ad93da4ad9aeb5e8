"""A plain vision transformer: patches, a class token, attention blocks; the token's last state.

The networks of DINOv2 and CLIP are this one with other names, norms and activations. Nothing
of theirs is pinned: whoever measures gives the file. A digest of what it holds stands in the
protocol, so numbers through different weights never share a column.

Paper: A. Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021, arXiv:2010.11929.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from genbench.errors import BadInput, MissingWeights, NotMeasurable, WrongWeights
from genbench.interfaces import Json
from genbench.runtime import weights as published
from genbench.runtime.devices import full_float32
from genbench.runtime.tensor_digest import digest

LAYER = "cls"
AT_ONCE = 32  # images in a forward pass
HEAD = 64  # numbers of an attention head, in every published network

Linear = tuple[Tensor, Tensor | None]  # weight (out, in), bias (out,)


@dataclass(frozen=True)
class Block:
    """One layer: norms, attention, two linear maps, and what scales either branch."""

    norm1: Linear
    qkv: Linear  # (3 w, w): queries, keys, values, one below another
    out: Linear
    norm2: Linear
    up: Linear
    down: Linear
    scale1: Tensor | None = None  # (w,)
    scale2: Tensor | None = None


@dataclass(frozen=True)
class Transformer:
    """Weights by what they do."""

    patches: Linear  # (w, 3, p, p)
    token: Tensor  # (w,)
    places: Tensor  # (1 + g², w): of the token, then of the patches row by row
    blocks: Sequence[Block]
    last: Linear
    first: Linear | None = None  # a norm before the blocks
    projection: Tensor | None = None  # (w, d), of the token


@dataclass(frozen=True)
class Family:
    """What a kind of network has in common beside its weights."""

    name: str
    names: tuple[str, ...]  # that its files may have, the first found is taken
    advice: str  # where to get one
    read: Callable[[Mapping[str, Tensor]], Transformer]  # may raise KeyError
    mean: tuple[float, float, float]  # of red, green, blue in 0..1
    std: tuple[float, float, float]
    eps: float  # of the norms
    side: int | None  # pixels looked at; None: what the places are made for
    quick: Callable[[str], bool]  # file name -> x sigmoid(1.702 x) for GELU


def load(family: Family, weights_dir: Path | None, device: torch.device) -> Vit:
    """The network with the first file of its names that is at hand.

    Raises:
        MissingWeights: there is none; the message says what to give.
        WrongWeights: a file that does not hold such a network.
    """
    path = published.at_hand(family.names, weights_dir)
    if path is None:
        raise MissingWeights(
            f"{family.name} has no weights of its own; put one of {', '.join(family.names)} into "
            f"--weights-dir or GENBENCH_WEIGHTS: {family.advice}"
        )
    tensors = _read(path)
    try:
        network = family.read(tensors)
        return Vit(family, network, path.name, published.digest(path), device)
    except KeyError as error:
        raise WrongWeights(
            f"{path} does not hold {family.name}'s vision transformer, for want of {error}; "
            f"{family.advice}"
        ) from None


def _read(path: Path) -> dict[str, Tensor]:
    """Tensors by name, on the CPU."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001  # bytes of anything fail in any way
        first = (str(error).splitlines() or ["empty"])[0]
        raise WrongWeights(f"{path} cannot be read as plain tensors: {first}") from None
    if not isinstance(tensors, dict) or not all(isinstance(t, Tensor) for t in tensors.values()):
        raise WrongWeights(f"{path} holds more than a state_dict; save that alone")
    return tensors


class Vit:
    """An `Extractor` with one layer, "cls"."""

    layers: tuple[str, ...] = (LAYER,)

    def __init__(
        self, family: Family, network: Transformer, file: str, sha256: str, device: torch.device
    ) -> None:
        """*network* from *file*, moved to *device*."""
        self.family, self.name = family, family.name
        self.files: Mapping[str, str] = {file: sha256}
        self.digest = digest(_tensors(network))
        self.width, self.patch = network.patches[0].shape[0], network.patches[0].shape[-1]
        grid = round((len(network.places) - 1) ** 0.5)
        if grid**2 != len(network.places) - 1 or self.width % HEAD:
            raise KeyError(f"{len(network.places)} places, width {self.width}")
        self.side = family.side or grid * self.patch
        self.network = _moved(network, device)
        self.places = resized_places(self.network.places, grid, self.side // self.patch)
        self.quick = family.quick(file)
        self.mean = torch.tensor(family.mean, device=device).view(1, 3, 1, 1) * 255
        self.std = torch.tensor(family.std, device=device).view(1, 3, 1, 1) * 255

    def __call__(self, images: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        """The class token of *images*, uint8 (n, 3, h, w) on the device: float32 (n, d).

        Raises:
            BadInput: another type.
            NotMeasurable: another layer.
        """
        if images.dtype != torch.uint8:
            raise BadInput(f"{self.name} looks at uint8 images of 0..255, got {images.dtype}")
        if wrong := [layer for layer in layers if layer != LAYER]:
            raise NotMeasurable(f"{self.name} has no layer {wrong[0]!r}; it gives {LAYER}")
        with torch.no_grad(), full_float32(), torch.autocast(images.device.type, enabled=False):
            rows = torch.cat([self._token(some) for some in torch.split(images, AT_ONCE)])
        return {LAYER: rows}

    def compile(self) -> None:
        """Let torch compile the network when it is first used."""
        setattr(self, "_token", torch.compile(self._token))  # noqa: B010  # it is a method

    def describe(self, layer: str) -> dict[str, Json]:
        """What the protocol must say; there is one *layer*."""
        del layer
        return {
            "name": self.name,
            "digest": self.digest,
            "width": self.width,
            "depth": len(self.network.blocks),
            "patch": self.patch,
            "activation": "quick-gelu" if self.quick else "gelu",
            "resize": "bicubic-antialias-clip",
            "side": self.side,
            "mean": list(self.family.mean),
            "deviation": list(self.family.std),
        }

    def _token(self, images: Tensor) -> Tensor:
        network, eps = self.network, self.family.eps
        x = (_resized(images, self.side) - self.mean) / self.std
        rows = functional.conv2d(x, *network.patches, stride=self.patch).flatten(2).mT
        rows = torch.cat([network.token.expand(len(x), 1, -1), rows], 1) + self.places
        if network.first is not None:
            rows = _norm(rows, network.first, eps)
        for block in network.blocks:
            rows = self._through(rows, block)
        token = _norm(rows[:, 0], network.last, eps)
        return token if network.projection is None else token @ network.projection

    def _through(self, rows: Tensor, block: Block) -> Tensor:
        """One block: (n, k, w) -> (n, k, w)."""
        eps = self.family.eps
        n, k, w = rows.shape
        qkv = functional.linear(_norm(rows, block.norm1, eps), *block.qkv)
        q, key, v = qkv.view(n, k, 3, w // HEAD, HEAD).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q, key, v).transpose(1, 2).reshape(n, k, w)
        rows = rows + _scaled(functional.linear(mixed, *block.out), block.scale1)
        up = functional.linear(_norm(rows, block.norm2, eps), *block.up)
        up = up * (1.702 * up).sigmoid() if self.quick else functional.gelu(up)
        return rows + _scaled(functional.linear(up, *block.down), block.scale2)


def resized_places(places: Tensor, grid: int, wanted: int) -> Tensor:
    """Places of grid x grid patches for *wanted* x *wanted*, (1 + wanted², w).

    As DINOv2 does it: bicubic without antialiasing, by a factor that is a tenth of a patch
    too large, which once kept a rounding from losing a row.
    """
    if grid == wanted:
        return places
    square = places[1:].T.reshape(1, -1, grid, grid)
    factor = (wanted + 0.1) / grid
    found = functional.interpolate(square, scale_factor=(factor, factor), mode="bicubic")
    assert found.shape[-1] == wanted
    return torch.cat([places[:1], found[0].flatten(1).T])


def linear(tensors: Mapping[str, Tensor], name: str) -> Linear:
    """Weight and bias called *name*, float32."""
    return tensors[f"{name}.weight"].float(), tensors[f"{name}.bias"].float()


def _resized(images: Tensor, side: int) -> Tensor:
    """The rule of clean-fid: float32 in 0..255, (n, 3, side, side)."""
    x = images.float()
    if tuple(x.shape[-2:]) == (side, side):
        return x
    x = functional.interpolate(x, (side, side), mode="bicubic", antialias=True)
    return x.clamp_(0, 255)


def _norm(rows: Tensor, by: Linear, eps: float) -> Tensor:
    return functional.layer_norm(rows, rows.shape[-1:], *by, eps=eps)


def _scaled(rows: Tensor, by: Tensor | None) -> Tensor:
    return rows if by is None else rows * by


def _tensors(network: Transformer) -> Iterator[tuple[str, Tensor]]:
    """Every tensor by a name that stays, whatever the fields above are called."""
    yield from (("token", network.token), ("places", network.places))
    yield from _linear("patches", network.patches)
    yield from _linear("first", network.first or ())
    yield from _linear("last", network.last)
    yield from _linear("projection", (network.projection,))
    for i, block in enumerate(network.blocks):
        yield from _linear(f"{i}.norm1", block.norm1)
        yield from _linear(f"{i}.qkv", block.qkv)
        yield from _linear(f"{i}.out", block.out)
        yield from _linear(f"{i}.norm2", block.norm2)
        yield from _linear(f"{i}.up", block.up)
        yield from _linear(f"{i}.down", block.down)
        yield from _linear(f"{i}.scale", (block.scale1, block.scale2))


def _linear(name: str, parts: Sequence[Tensor | None]) -> Iterator[tuple[str, Tensor]]:
    yield from ((f"{name}.{i}", part) for i, part in enumerate(parts) if part is not None)


def _moved(network: Transformer, device: torch.device) -> Transformer:
    def there(value: object) -> object:
        if isinstance(value, Tensor):
            return value.to(device)
        if isinstance(value, tuple | list):
            return tuple(there(each) for each in value)
        if isinstance(value, Block):
            return Block(**{name: there(each) for name, each in vars(value).items()})  # type: ignore[arg-type]  # the kinds stay
        return value

    return Transformer(**{name: there(each) for name, each in vars(network).items()})  # type: ignore[arg-type]  # the kinds stay
