"""Data sets: found by name, decoded once into a cache, read as uint8 rows.

The names load on first use: finding data sources must not load torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genbench.data.dataset import Dataset, Split, open_dataset
    from genbench.data.image_sets.open_images import open_images

__all__ = ["Dataset", "Split", "open_dataset", "open_images"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "open_images":
        from genbench.data.image_sets.open_images import open_images

        return open_images
    from genbench.data import dataset

    return getattr(dataset, name)
