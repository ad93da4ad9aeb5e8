"""Reads the layers of a network from a file in dlib's own binary format.

The format, as dlib/serialize.h and dlib/dnn describe it. An integer is a control byte, of
which the top bit is the sign and the low four bits are the number of bytes that follow,
lowest first. A floating point number is two integers, m and e, for m·2^e. A bool is the
letter 0 or 1, a string its length and its bytes. A tensor is its version, four sizes, and
its float32 numbers, lowest byte first; an alias is a version and four sizes.

A network is nested, the loss outermost: a layer is its version, then the layers below it,
then its own settings, three flags and three tensors of training. So a file begins with
the versions of all layers from the top down, and goes on with their content from the
input up.

A file may say anything: every count is checked against what is left before it is used.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from genbench.errors import WrongWeights

LAYER, OVER_INPUT, MARK = 2, 3, 1  # versions: a layer, the first layer, a tag or a skip
DEEPEST = 1000  # layers and marks: the published network has 130
WIDEST = 1 << 24  # of one size of a tensor
Sizes: TypeAlias = tuple[int, int, int, int]  # samples, channels, rows, columns
FARTHEST = 1100  # exponents: float64 ends at 2^1024 and 2^-1074


@dataclass(frozen=True)
class Layer:
    """A layer as the file has it."""

    kind: str  # "con", "affine", "relu", "max_pool", "avg_pool", "add_prev", "fc", "input"
    numbers: tuple[float, ...] = ()  # its settings, in the order of the file
    weights: tuple[Tensor, ...] = ()  # float32


def read_layers(data: bytes, name: str) -> list[Layer]:
    """The layers of a network with a metric loss, from the input up.

    Args:
        data: the whole file.
        name: of the file, for messages.

    Raises:
        WrongWeights: it ends too early or too late, or is something else.
    """
    source = _Source(data, name)
    source.version(1, "loss layer")
    source.word("loss_metric_2")
    source.number(), source.number()  # margin and threshold of the loss, of no use here
    versions = _nesting(source)
    layers = [_input(source)]
    for version in reversed(versions):
        if version == MARK:
            continue
        layers.append(_layer(source))
        _training_state(source)
        if version == OVER_INPUT:
            source.version(1, "expansion of the input")
    source.end()
    return layers


class _Source:
    """Bytes, and how far they have been read."""

    def __init__(self, data: bytes, name: str) -> None:
        self.data, self.name, self.at = data, name, 0

    def wrong(self, why: str) -> WrongWeights:
        return WrongWeights(
            f"{self.name} is not a face network of dlib: {why}, at byte {self.at} of "
            f"{len(self.data)}; fetch the published file again"
        )

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            raise self.wrong(f"{count} more bytes were wanted, it ends before")
        self.at += count
        return self.data[self.at - count : self.at]

    def integer(self) -> int:
        control = self.take(1)[0]
        count = control & 0x0F
        if control & 0x70 or not 1 <= count <= 8:
            raise self.wrong(f"no integer begins with {control:#04x}")
        value = int.from_bytes(self.take(count), "little")
        return -value if control & 0x80 else value

    def size(self) -> int:
        """An integer that counts something."""
        value = self.integer()
        if not 0 <= value <= WIDEST:
            raise self.wrong(f"{value} counts nothing")
        return value

    def number(self) -> float:
        mantissa, exponent = self.integer(), self.integer()
        if abs(exponent) > FARTHEST or not -(2**63) <= mantissa < 2**63:
            raise self.wrong(f"{mantissa}·2^{exponent} is no finite number")
        try:
            return math.ldexp(mantissa, exponent)
        except OverflowError:
            raise self.wrong(f"{mantissa}·2^{exponent} is no finite number") from None

    def flag(self) -> None:
        letter = self.take(1)
        if letter not in (b"0", b"1"):
            raise self.wrong(f"a flag is the letter 0 or 1, not {letter!r}")

    def word(self, *known: str) -> str:
        length = self.integer()
        if not 0 <= length <= 64:
            raise self.wrong(f"a name of {length} letters")
        found = self.take(length).decode("ascii", errors="replace")
        if found not in known:
            raise self.wrong(f"{found!r} where {' or '.join(known)} belongs")
        return found

    def version(self, wanted: int, what: str) -> None:
        found = self.integer()
        if found != wanted:
            raise self.wrong(f"the {what} has version {found}, wanted {wanted}")

    def sizes(self) -> Sizes:
        return self.size(), self.size(), self.size(), self.size()

    def alias(self) -> Sizes:
        """The shape of a part of a tensor."""
        self.version(1, "alias")
        return self.sizes()

    def tensor(self) -> Tensor:
        """The numbers of a tensor, (n,) float32."""
        self.version(2, "tensor")
        count = math.prod(self.sizes())
        values = np.frombuffer(self.take(4 * count), "<f4").astype(np.float32)
        if not np.isfinite(values).all():
            raise self.wrong("weights that are not finite")
        return torch.from_numpy(values)

    def end(self) -> None:
        if self.at != len(self.data):
            raise self.wrong(f"{len(self.data) - self.at} bytes are left at the end")


def _nesting(source: _Source) -> list[int]:
    """Versions of all layers and marks, from the top down."""
    versions: list[int] = []
    while not versions or versions[-1] != OVER_INPUT:
        version = source.integer()
        if version not in (LAYER, OVER_INPUT, MARK) or len(versions) == DEEPEST:
            raise source.wrong(f"version {version} of layer {len(versions)} from the top")
        versions.append(version)
    return versions


def _training_state(source: _Source) -> None:
    """What training left beside a layer: flags, and tensors that are empty once it is over."""
    for _ in range(3):
        source.flag()
    for _ in range(3):
        if source.tensor().numel():
            raise source.wrong("a tensor of training that is not empty")


def _input(source: _Source) -> Layer:
    source.word("input_rgb_image_sized")
    means = source.number(), source.number(), source.number()
    return Layer("input", (*means, source.size(), source.size()))


def _layer(source: _Source) -> Layer:
    return _READERS[source.word(*_READERS)](source)


def _con(source: _Source) -> Layer:
    """Numbers: filters, rows, columns, stride twice, padding twice. Weights: kernel, bias."""
    params = source.tensor()
    numbers = tuple(source.size() for _ in range(7))
    kernel, bias = source.alias(), source.alias()
    _rates(source)
    if kernel[0] != numbers[0] or kernel[2:] != numbers[1:3] or bias != (1, kernel[0], 1, 1):
        raise source.wrong(f"a kernel of {kernel} and a bias of {bias}")
    weight, offset = _parts(source, params, math.prod(kernel), kernel[0])
    return Layer("con", numbers, (weight.view(kernel), offset))


def _affine(source: _Source) -> Layer:
    """Weights: gain and offset of each channel."""
    params = source.tensor()
    gain, offset = source.alias(), source.alias()
    if source.integer() != 0 or gain != offset or gain != (1, gain[1], 1, 1):
        raise source.wrong(f"a gain of {gain} and an offset of {offset}")
    return Layer("affine", (), _parts(source, params, gain[1], gain[1]))


def _fc(source: _Source) -> Layer:
    """Numbers: outputs, inputs. Weights: (inputs, outputs)."""
    outputs, inputs = source.size(), source.size()
    params = source.tensor()
    shape, bias = source.alias(), source.alias()
    without_bias = source.integer() == 1
    _rates(source)
    if not without_bias or shape != (inputs, outputs, 1, 1) or any(bias):
        raise source.wrong(f"full connections of {shape} with a bias of {bias}")
    weight = _parts(source, params, inputs * outputs)[0]
    return Layer("fc", (outputs, inputs), (weight.view(inputs, outputs),))


def _rates(source: _Source) -> None:
    """Four learning rates."""
    for _ in range(4):
        source.number()


def _parts(source: _Source, params: Tensor, *counts: int) -> tuple[Tensor, ...]:
    if sum(counts) != params.numel():
        raise source.wrong(f"{params.numel()} weights where {sum(counts)} belong")
    return torch.split(params, list(counts))


def _pool(kind: str) -> Callable[[_Source], Layer]:
    """Numbers: rows, columns, stride twice, padding twice."""
    return lambda source: Layer(kind, tuple(source.size() for _ in range(6)))


def _plain(kind: str) -> Callable[[_Source], Layer]:
    return lambda source: Layer(kind)


_READERS: Mapping[str, Callable[[_Source], Layer]] = {
    "con_4": _con,
    "affine_": _affine,
    "relu_": _plain("relu"),
    "max_pool_2": _pool("max_pool"),
    "avg_pool_2": _pool("avg_pool"),
    "add_prev_": _plain("add_prev"),
    "fc_2": _fc,
}
