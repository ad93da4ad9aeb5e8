"""Feature networks by name: one file of this folder each, or an entry point `genbench.features`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from genbench import registry

if TYPE_CHECKING:
    import torch

    from genbench.interfaces import Extractor


def load(
    name: str, *, weights_dir: Path | None, device: torch.device, download: bool = False
) -> Extractor:
    """A feature network with the best weights that are at hand.

    Args:
        name: see `genbench list feature`.
        weights_dir: where the user keeps weights, or None; see `genbench.runtime.weights.find`.
        device: where it will work.
        download: fetch weights that are not there from where they were published.

    Raises:
        UnknownName: there is no such network.
        MissingWeights: its weights are nowhere to be found.
        WrongWeights: a weights file is not what its name promises.
    """
    network = registry.network(name)
    return network.load(weights_dir=weights_dir, device=device, download=download)
