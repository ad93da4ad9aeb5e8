"""Clothes, 28x28 grey, in ten classes, 60 000 for training and 10 000 for testing.

H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking
    machine learning algorithms", 2017, arXiv:1708.07747.
"""

from __future__ import annotations

from pathlib import Path

from genbench.data.sources._digits import open_digits, origin
from genbench.interfaces import ImageSource, Source

ORIGIN = origin("MIT", "https://github.com/zalandoresearch/fashion-mnist")

PLACES = ("fashion-mnist", "fashion_mnist", "FashionMNIST/raw", ".")


def open_fashion_mnist(argument: str | None, data_dir: Path | None) -> ImageSource:
    """The four IDX files in a folder, or where they usually lie under the data folder."""
    return open_digits("fashion-mnist", ORIGIN.licence, PLACES, argument, data_dir)


SOURCE = Source(open_fashion_mnist, ORIGIN)
