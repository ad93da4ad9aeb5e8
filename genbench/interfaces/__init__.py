"""What the parts of genbench promise each other.

Models have capabilities, not a common ancestor: anything with the right methods can be
measured. Metrics are pure functions plus a statement of what they look at. Nothing here
loads torch, so that the command line starts at once.
"""

from genbench.interfaces.basics import Json, Tensors
from genbench.interfaces.capabilities import (
    Decodes,
    Draws,
    Encodes,
    Generates,
    Interpolates,
    Stores,
)
from genbench.interfaces.learning import (
    Adopted,
    Adopts,
    Alarm,
    Batch,
    Continues,
    Learns,
    Prepares,
    Settles,
    Stage,
    StaysEager,
    TrainingImages,
    Warns,
)
from genbench.interfaces.measuring import (
    Accumulator,
    Column,
    Extractor,
    Input,
    Measured,
    Metric,
    Pass,
    State,
    Statistic,
    Step,
    Stream,
)
from genbench.interfaces.reporting import Report

__all__ = [
    "Accumulator",
    "Adopted",
    "Adopts",
    "Alarm",
    "Batch",
    "Column",
    "Continues",
    "Decodes",
    "Draws",
    "Encodes",
    "Extractor",
    "Generates",
    "Input",
    "Interpolates",
    "Json",
    "Learns",
    "Measured",
    "Metric",
    "Pass",
    "Prepares",
    "Report",
    "Settles",
    "Stage",
    "State",
    "Statistic",
    "StaysEager",
    "Step",
    "Stores",
    "Stream",
    "Tensors",
    "TrainingImages",
    "Warns",
]
