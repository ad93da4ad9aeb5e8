"""Data sets: found by name, decoded once into a cache, read as uint8 rows.

The names load on first use: finding data sources must not load torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genbench.data.dataset import Dataset, Split, open_dataset
    from genbench.data.image_folder import read_images

__all__ = ["Dataset", "Split", "open_dataset", "read_images"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from genbench.data import dataset, image_folder

    return getattr(image_folder if name == "read_images" else dataset, name)
