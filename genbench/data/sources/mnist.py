"""Handwritten digits, 28x28 grey, 60 000 for training and 10 000 for testing.

Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
    recognition", Proc. IEEE 86(11), 1998.
"""

from __future__ import annotations

from pathlib import Path

from genbench.data.source import Origin, Source
from genbench.data.sources._digits import open_digits

ORIGIN = Origin(
    licence="CC BY-SA 3.0",
    recipe="28x28 grey to RGB, padded to 32; official split; never mirrored",
    files=(
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
    ),
    address="http://yann.lecun.com/exdb/mnist/",
)


def open_mnist(argument: str | None, data_dir: Path | None) -> Source:
    """The four IDX files in a folder, or where they usually lie under the data folder."""
    return open_digits("mnist", "CC BY-SA 3.0", ("mnist", "MNIST/raw", "."), argument, data_dir)


ROOM = open_mnist
