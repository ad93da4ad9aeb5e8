"""Random numbers that do not depend on what was drawn before."""

from __future__ import annotations

from torch import Generator


def rng(seed: int = 0) -> Generator:
    """A generator of one's own."""
    return Generator().manual_seed(seed)
