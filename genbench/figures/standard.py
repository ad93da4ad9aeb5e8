"""The sheets that a report shows of every model."""

from __future__ import annotations

from collections.abc import Iterator

from genbench.errors import NotEnoughData, NotMeasurable
from genbench.figures.canvas import Drawing
from genbench.figures.interpolations import interpolations
from genbench.figures.samples import reconstructions, samples
from genbench.figures.trained_model import TrainedModel


def standard(of: TrainedModel) -> Iterator[Drawing]:
    """What a report shows of every model, as far as this one can."""
    for kind in (samples, reconstructions, interpolations):
        try:
            yield kind(of)
        except (NotMeasurable, NotEnoughData):
            continue
