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
    Gather,
    Look,
    Measured,
    Metric,
    Pass,
    State,
    Step,
    View,
)
from genbench.interfaces.reporting import Form

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
    "Form",
    "Gather",
    "Generates",
    "Interpolates",
    "Json",
    "Learns",
    "Look",
    "Measured",
    "Metric",
    "Pass",
    "Prepares",
    "Settles",
    "Stage",
    "State",
    "StaysEager",
    "Step",
    "Stores",
    "Tensors",
    "TrainingImages",
    "View",
    "Warns",
]
