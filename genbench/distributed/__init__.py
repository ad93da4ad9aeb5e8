"""Several processes that work as one: layers and draws for models, and how groups agree."""

from genbench.distributed.layers import (
    PATIENCE,
    BatchNorm2d,
    Shares,
    drawn,
    gathered,
    own,
    processes,
    shared,
    this_share,
)

__all__ = [
    "PATIENCE",
    "BatchNorm2d",
    "Shares",
    "drawn",
    "gathered",
    "own",
    "processes",
    "shared",
    "this_share",
]
