"""Evidence on disk, known by content: what was looked at, and through what."""

from __future__ import annotations

import hashlib
import inspect
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import torch
from safetensors import SafetensorError, safe_open

from genbench.interfaces import Extractor, Input, Json, Statistic, Tensors
from genbench.runtime.atomic import new_file

# Names of the types that evidence has, in files of safetensors.
DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
CACHE_LIMIT = 256 << 20  # bytes of evidence worth keeping on disk: moments yes, patches no


class Cache:
    """Evidence on disk, known by content: what was looked at, and through what."""

    def __init__(self, folder: Path, facts: Mapping[str, Json], limit: int = CACHE_LIMIT) -> None:
        """*facts* must name everything the evidence depends on beside the input."""
        self.folder, self.facts, self.limit = folder, dict(facts), limit

    def load(self, input_: Input, network: Extractor | None) -> Tensors | None:
        """The evidence if it is there and whole."""
        key, file = self._place(input_, network)
        if not file.is_file():
            return None
        try:
            with safe_open(file, framework="pt") as stored:
                if (stored.metadata() or {}).get("key") != key:
                    return None
                return {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118  # not a dict
        except SafetensorError:
            return None

    def save(self, input_: Input, network: Extractor | None, tensors: Tensors) -> None:
        """Keep the evidence, if it is small enough to be worth it."""
        if sum(tensor.nbytes for tensor in tensors.values()) > self.limit:
            return
        key, file = self._place(input_, network)
        with new_file(file) as temporary, temporary.open("wb") as stream:
            _write(stream, tensors, {"key": key})

    def _place(self, input_: Input, network: Extractor | None) -> tuple[str, Path]:
        code = _code(input_.statistic)
        facts = {**self.facts, "input": describe(input_, network), "code of statistic": code}
        key = json.dumps(facts, sort_keys=True)
        return key, self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.safetensors"


def _code(statistic: Statistic) -> list[str]:
    """Where the code of a statistic stands: two packages may call two things by one word."""
    kind = type(statistic)
    functions = [value for value in vars(statistic).values() if inspect.isfunction(value)]
    return [
        f"{kind.__module__}.{kind.__qualname__}",
        *(f"{each.__module__}.{each.__qualname__}" for each in functions),
    ]


def _write(stream: BinaryIO, tensors: Tensors, metadata: Mapping[str, str]) -> None:
    """Tensors in the format of safetensors, whose own writer copies all of them into memory."""
    header: dict[str, Json] = {"__metadata__": dict(metadata)}
    start = 0
    for name, tensor in tensors.items():
        stop = start + tensor.nbytes
        kind = DTYPES[tensor.dtype]
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [start, stop]}
        start = stop
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # numbers begin at multiples of 8
    stream.write(struct.pack("<Q", len(text)) + text)
    for tensor in tensors.values():
        if tensor.numel():
            tensor.contiguous().numpy().tofile(stream)


def describe(input_: Input, network: Extractor | None) -> dict[str, Json]:
    """What a protocol must say about an input and the *network* that it looks through."""
    codes: dict[str, Json] = {"stream": input_.stream.value, **input_.statistic.describe()}
    if input_.face:
        codes["crop"] = "face-box-8"
    if input_.step is not None:
        start = "zero" if input_.step.ends else "uniform"
        codes["step"] = {"epsilon": input_.step.epsilon, "start": start}
    if network is not None and input_.statistic.features is not None:
        codes["network"] = network.describe(input_.statistic.features[1])
    return codes
