"""Feature networks by name. A network is a module of this folder with a function ``load``."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, cast

from genbench.errors import UnknownName, nearest

if TYPE_CHECKING:
    import torch

    from genbench.interfaces import Extractor


def networks() -> tuple[str, ...]:
    """Names of all feature networks."""
    return tuple(sorted(file.stem for file in Path(__file__).parent.glob("[!_]*.py")))


def load(
    name: str, *, weights_dir: Path | None, device: torch.device, download: bool = False
) -> Extractor:
    """A feature network with the best weights that are at hand.

    Args:
        name: of `networks`.
        weights_dir: where the user keeps weights, or None; see `genbench.runtime.weights.find`.
        device: where it will work.
        download: fetch weights that are not there from where they were published.

    Raises:
        UnknownName: there is no such network.
        MissingWeights: its weights are nowhere to be found.
        WrongWeights: a weights file is not what its name promises.
    """
    if name not in networks():
        raise UnknownName(
            f"no feature network is called {name!r}.{nearest(name, networks())} "
            f"Known: {', '.join(networks())}"
        )
    module = importlib.import_module(f"{__name__}.{name}")
    return cast("Extractor", module.load(weights_dir=weights_dir, device=device, download=download))
