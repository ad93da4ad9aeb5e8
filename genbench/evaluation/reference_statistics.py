"""Mean and covariance of features in an .npz file: FID's reference without its images.

The layout, ``mu`` and ``sigma``, is that of pytorch-fid, which ADM and clean-fid share. Such a
file says nothing of the images, the network or the resize behind it, and a protocol says that.
What genbench writes holds all of this, too, so that numbers against it are the same as against
the images themselves.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genbench import features
from genbench.accumulators.moments import Moments
from genbench.data import Dataset, Split
from genbench.data.image_sets.arrays import ADM, MOMENTS, arrays, read_small
from genbench.data.image_sets.image_set import WHOLE, ImageSet
from genbench.distributed import group
from genbench.errors import BadInput, NotMeasurable
from genbench.evaluation.passes import Given, Passes
from genbench.evaluation.settings import Evaluation
from genbench.interfaces import Bytes, Extractor, Input, Json, Recipe, Stream, Tensors
from genbench.runtime import devices, paths
from genbench.runtime.atomic import new_file

NETWORK = "inception"
WHOLE_NETWORK = "2048"  # layer of FID itself; the others are its variants
LAYERS = ("2048", "768", "192", "64")
OWN = "genbench"  # name of what genbench adds
UNKNOWN = Recipe("unknown", "unknown", WHOLE, channels="unknown", checked="mean-and-covariance")


@dataclass(frozen=True)
class Reference:
    """What a file says."""

    file: Path
    mean: Tensor  # (d,) float64
    cov: Tensor  # (d, d) float64
    own: dict[str, Any] | None = None  # what genbench has written beside; None: another program

    @property
    def layer(self) -> str:
        """Of the network, known by the number of its features."""
        return str(len(self.mean))

    @property
    def metric(self) -> str:
        """The metric that it is a reference of."""
        return "fid" if self.layer == WHOLE_NETWORK else f"fid:{self.layer}"

    def dataset(self, resolution: int) -> Dataset:
        """What stands in for the data set in a protocol; it has no images.

        Raises:
            BadInput: it was made of images of another size than *resolution*.
        """
        about = self.own or {}
        if about.get("resolution", resolution) != resolution:
            raise BadInput(
                f"{self.file} was made of images of {about['resolution']}x{about['resolution']}, "
                f"these are {resolution}x{resolution}"
            )
        nothing = ImageSet(self.file.name, [], resolution, _no_image)
        return Dataset(
            about.get("dataset", self.file.stem),
            resolution,
            Recipe(**about["recipe"]) if about else UNKNOWN,
            about.get("fingerprint", _digest(self.mean, self.cov)),
            "unknown",
            train=Split("train", nothing, {}),
            test=Split("test", nothing, {}),
        )

    def check(self, networks: Mapping[str, Extractor]) -> None:
        """See that it was made with the weights that are at hand, where it says with which.

        Raises:
            BadInput: it was made with others.
        """
        network = networks.get(NETWORK)
        if self.own is None or network is None or self.layer not in network.layers:
            return
        if network.describe(self.layer) != self.own["network"]:
            raise BadInput(
                f"{self.file} was made with other weights of {NETWORK} than those at hand; "
                "make it anew: genbench stats"
            )

    def given(self) -> Given:
        """Its evidence."""
        about = self.own or {}
        n = int(about.get("n", 0))
        evidence = {"n": torch.tensor(n), "mean": self.mean, "cov": self.cov}
        return Given(
            {_input(self.layer): evidence},
            n,
            f"{self.file.name} holds a mean and a covariance, which is a reference of "
            f"{self.metric} alone",
            None if about else {"name": "unknown"},
        )


def has_moments(thing: Any) -> bool:
    """Whether *thing* is the path of a file with a mean and a covariance."""
    if not isinstance(thing, str | Path):
        return False
    path = Path(thing).expanduser()
    if path.suffix.lower() != ".npz" or not path.is_file():
        return False
    return set(arrays(path)) >= set(MOMENTS)


def has_images(file: Path) -> bool:
    """Whether such a file holds images, too, as ADM's reference batches do: often fewer."""
    return ADM in arrays(file)


def read(file: Path) -> Reference:
    """The mean and the covariance of a file.

    Raises:
        BadInput: they are damaged, do not fit, or are of no layer of the network.
    """
    found = read_small(file, (*MOMENTS, OWN))
    mean, cov = _numbers(file, found["mu"]), _numbers(file, found["sigma"])
    own = json.loads(str(found[OWN])) if OWN in found else None
    if mean.ndim != 1 or cov.shape != (len(mean), len(mean)):
        raise BadInput(
            f"{file} holds mu of shape {tuple(mean.shape)} and sigma of {tuple(cov.shape)}; "
            "wanted (d,) and (d, d)"
        )
    if str(len(mean)) not in LAYERS:
        raise BadInput(
            f"{file} is of {len(mean)} features; those of {NETWORK} have {', '.join(LAYERS)}"
        )
    return Reference(file, mean, cov, own)


def write(file: Path, data: Dataset, how: Evaluation, layer: str | None = None) -> Reference:
    """Write mean and covariance of the features of all training images of a data set.

    Args:
        file: target; ".npz" by convention.
        data: of which a set without a split has all images on either side.
        how: device, weights, processes.
        layer: of the network; by default the deepest that the weights at hand give.

    Raises:
        NotMeasurable: there are no weights, or none of this layer.
        GenbenchError: images that cannot be used.
    """
    with group.together(how.devices, devices.choose(how.device)) as device:
        network = features.load(
            NETWORK, weights_dir=how.weights_dir, device=device, download=how.download
        )
        layer = layer or next(each for each in LAYERS if each in network.layers)
        if layer not in network.layers:
            raise NotMeasurable(
                f"layer {layer} of {NETWORK} is not in the weights at hand, which give "
                f"{', '.join(network.layers)}; for the whole network add --download"
            )
        sizes = dict.fromkeys(Stream, 1) | {Stream.REAL: len(data.train)}
        nowhere = paths.cache_dir() / "pending" / "none"
        passes = Passes(data, how, sizes, {NETWORK: network}, device, nowhere)
        evidence = passes.real([_input(layer)])
        if group.rank() == 0:
            _write(file, data, evidence.of(_input(layer)), network.describe(layer))
    return read(file)


def _write(file: Path, data: Dataset, evidence: Tensors, network: Mapping[str, Json]) -> None:
    own: dict[str, Json] = {
        "n": int(evidence["n"]),
        "network": dict(network),
        "dataset": data.name,
        "fingerprint": data.fingerprint,
        "recipe": data.recipe.describe(),
        "resolution": data.resolution,
    }
    about = np.array(json.dumps(own, sort_keys=True))
    with new_file(file) as temporary, temporary.open("wb") as stream:
        np.savez(stream, mu=evidence["mean"].numpy(), sigma=evidence["cov"].numpy(), genbench=about)


def _input(layer: str) -> Input:
    return Input(Stream.REAL, Moments(NETWORK, layer))


def _numbers(file: Path, array: NDArray[Any]) -> Tensor:
    if array.dtype.kind != "f":
        raise BadInput(f"{file} holds {array.dtype} where floats are wanted")
    return torch.from_numpy(array.astype(np.float64))


def _digest(mean: Tensor, cov: Tensor) -> str:
    total = hashlib.sha256(mean.numpy().tobytes())
    total.update(cov.numpy().tobytes())
    return total.hexdigest()


def _no_image(row: int) -> Bytes:
    raise NotMeasurable("a file of mean and covariance holds no images")
