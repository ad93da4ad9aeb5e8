"""genbench trains generative autoencoders, measures them, and prints comparable tables.

    genbench.train("pioneer", preset="tiny", training={"data": "toyfaces"})
    model = genbench.load("runs/pioneer-toyfaces-32")
    genbench.evaluate({"mine": model}, data="toyfaces", metrics=["rmse", "swd"])

Importing genbench loads nothing heavy; torch comes with the first of these names.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genbench.adapters.wrap import wrap
    from genbench.data import open_dataset, open_images
    from genbench.evaluation.api import evaluate
    from genbench.evaluation.compare import compare
    from genbench.reference_models.catalogue import zoo
    from genbench.runs import load
    from genbench.training.api import train
    from genbench.training.resume import resume

__all__ = [
    "compare",
    "evaluate",
    "load",
    "open_dataset",
    "open_images",
    "resume",
    "train",
    "wrap",
    "zoo",
]
__version__ = version("genbench")

_HOMES = {
    "compare": ("genbench.evaluation.compare", "compare"),
    "evaluate": ("genbench.evaluation.api", "evaluate"),
    "load": ("genbench.runs", "load"),
    "open_dataset": ("genbench.data", "open_dataset"),
    "open_images": ("genbench.data", "open_images"),
    "resume": ("genbench.training.resume", "resume"),
    "train": ("genbench.training.api", "train"),
    "wrap": ("genbench.adapters.wrap", "wrap"),
    "zoo": ("genbench.reference_models.catalogue", "zoo"),
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        module, thing = _HOMES[name]
        return getattr(import_module(module), thing)
    raise AttributeError(f"module 'genbench' has no attribute {name!r}")
