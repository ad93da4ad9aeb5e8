"""The numbers that papers have published, as printed, with what they say about the protocol."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

# "LPIPS network not stated", "sample count stated only for CelebA-HQ"
OPEN = re.compile(r"([^;,()]+?) (?:not (?:re)?stated|not named|stated only for)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Published:
    """One printed number."""

    system: str  # "PIONEER", "ProgGAN/L1"
    dataset: str
    resolution: int
    split: str  # "samples", "test", "train", "reconstruction"
    metric: str  # the paper's: "fid", "psnr"
    value: float | None  # None: printed as a dash
    std: float | None  # as printed
    protocol: str  # what the paper says of how it was measured, and what it leaves open
    source: str  # paper and table

    @property
    def unknown(self) -> tuple[str, ...]:
        """What the paper is known to leave open: "Inception implementation", "scale"."""
        found = (words.strip() for words in OPEN.findall(self.protocol))
        return tuple(words.lower() if words.isupper() else words for words in found)

    @property
    def only_orders(self) -> bool:
        """Whether its scale cannot be recovered: it orders the systems of its own table."""
        return "SCALE NOT STATED" in self.protocol

    @property
    def where(self) -> str:
        """Data set and resolution: "celeba 64x64"."""
        return f"{self.dataset} {self.resolution}x{self.resolution}"


@cache
def rows() -> tuple[Published, ...]:
    """Every published number."""
    files = resources.files(__name__).iterdir()
    found = sorted(file.name for file in files if file.name.endswith(".yaml"))
    return tuple(
        Published(**row)
        for name in found
        for row in yaml.safe_load(
            resources.files(__name__).joinpath(name).read_text(encoding="utf-8")
        )["rows"]
    )


def of_systems(names: Iterable[str]) -> list[Published]:
    """The numbers of these systems, in the order of the papers."""
    wanted = set(names)
    return [row for row in rows() if row.system in wanted]
