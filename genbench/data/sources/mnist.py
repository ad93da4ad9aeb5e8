"""Handwritten digits, 28x28 grey, 60 000 for training and 10 000 for testing.

Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
    recognition", Proc. IEEE 86(11), 1998.
"""

from __future__ import annotations

from pathlib import Path

from genbench.data.sources._digits import open_digits, origin
from genbench.interfaces import ImageSource, Source

ORIGIN = origin("CC BY-SA 3.0", "http://yann.lecun.com/exdb/mnist/")


def open_mnist(argument: str | None, data_dir: Path | None) -> ImageSource:
    """The four IDX files in a folder, or where they usually lie under the data folder."""
    return open_digits("mnist", ORIGIN.licence, ("mnist", "MNIST/raw", "."), argument, data_dir)


SOURCE = Source(open_mnist, ORIGIN)
