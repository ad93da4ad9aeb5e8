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
    Averages,
    Batch,
    Continues,
    Learns,
    Prepares,
    Settles,
    Stage,
    TrainingImages,
)
from genbench.interfaces.measuring import (
    Accumulator,
    Column,
    Curve,
    Extractor,
    Input,
    Measured,
    Metric,
    Network,
    Pass,
    State,
    Statistic,
    Step,
)
from genbench.interfaces.model import Geometry, Model, Preset
from genbench.interfaces.reporting import Report
from genbench.interfaces.sources import (
    Bytes,
    Chunk,
    ImageSource,
    Origin,
    Recipe,
    Source,
)
from genbench.interfaces.streams import STREAMS, Maker, Stream, StreamInfo

__all__ = [
    "STREAMS",
    "Accumulator",
    "Adopted",
    "Adopts",
    "Alarm",
    "Averages",
    "Batch",
    "Bytes",
    "Chunk",
    "Column",
    "Continues",
    "Curve",
    "Decodes",
    "Draws",
    "Encodes",
    "Extractor",
    "Generates",
    "Geometry",
    "ImageSource",
    "Input",
    "Interpolates",
    "Json",
    "Learns",
    "Maker",
    "Measured",
    "Metric",
    "Model",
    "Network",
    "Origin",
    "Pass",
    "Prepares",
    "Preset",
    "Recipe",
    "Report",
    "Settles",
    "Source",
    "Stage",
    "State",
    "Statistic",
    "Step",
    "Stores",
    "Stream",
    "StreamInfo",
    "Tensors",
    "TrainingImages",
]
