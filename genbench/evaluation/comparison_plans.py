"""What a comparison of sets of images takes: a plan for each number of images."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from genbench.data.dataset import Dataset, whole
from genbench.data.image_sets.image_set import ImageSet
from genbench.data.image_sets.items import Range
from genbench.data.image_sets.open_images import open_images
from genbench.distributed import group
from genbench.errors import BadInput, BadSetting, NotEnoughData
from genbench.evaluation import partners, possible, reference_statistics
from genbench.evaluation.candidates import Candidate
from genbench.evaluation.plan import Plan, make_plan
from genbench.evaluation.reference_statistics import Reference
from genbench.evaluation.settings import Evaluation
from genbench.evaluation.stored_images import NO_LATENTS, NO_SAMPLES, StoredImages
from genbench.evaluation.subjects import Subject
from genbench.interfaces import Maker, Stream
from genbench.interfaces.streams import PAIRED, UNPAIRED

NO_PAIRS = "the two sets are no pairs; add --paired where the files of one were made of the other's"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What to compare, and how. Things are what `open_images` takes."""

    real: Any  # the reference, or the originals
    fakes: Mapping[str, Any]  # by the names of their rows
    how: Evaluation  # without metrics: all that can be had
    paired: bool = False  # each image of the fakes was made of the one of its name
    resolution: int | None = None  # that centre squares are brought to; None: as they are
    value_range: Range | None = None  # of floats
    moments: bool = False  # take the mean and covariance of a file that holds images, too


def plans(asked: Comparison) -> Iterator[Plan]:
    """A plan for each number of images, for numbers of different ones do not compare.

    Raises:
        GenbenchError: anything the caller can put right.
    """
    if _takes_moments(asked):
        yield from _against_moments(asked, reference_statistics.read(Path(asked.real).expanduser()))
        return
    real = _opened(asked, asked.real, "real")
    fakes = {name: _opened(asked, each, name) for name, each in asked.fakes.items()}
    for name, images in fakes.items():
        _check_sizes(real, images, name)
    if asked.paired:
        for name, images in fakes.items():
            yield _paired(asked, real, images, name)
        return
    data = whole(real)
    for n, found in _by_count(asked.how, fakes).items():
        reference = asked.how.reference or len(real)
        how = replace(asked.how, images=n, reference=reference, pairs=1)
        yield _plan(found, data, how, UNPAIRED)


def _takes_moments(asked: Comparison) -> bool:
    """Whether the reference is a file's mean and covariance, and not images.

    Raises:
        BadInput: they are asked for and not there.
    """
    if not reference_statistics.has_moments(asked.real):
        if asked.moments:
            raise BadInput(f"{asked.real} is no .npz file with mu and sigma; leave --moments out")
        return False
    if asked.moments or not reference_statistics.has_images(Path(asked.real).expanduser()):
        return True
    _say([f"{asked.real}: its images are taken; --moments takes its mean and covariance"])
    return False


def _against_moments(asked: Comparison, real: Reference) -> Iterator[Plan]:
    """FID against a file of mean and covariance."""
    if asked.paired:
        raise BadSetting(f"{real.file} holds no images, so nothing is paired; leave --paired out")
    fakes = {name: _opened(asked, each, name) for name, each in asked.fakes.items()}
    for name, images in fakes.items():
        # Sets of two sizes are no one's data set; each is held against the file by itself.
        for n, found in _by_count(asked.how, {name: images}).items():
            metrics = asked.how.metrics or (real.metric,)
            how = replace(asked.how, metrics=metrics, images=n, reference=1, pairs=1, fewer=True)
            data, given = real.dataset(images.resolution), real.given()
            plan = make_plan(found, data, how, strict=False, given=given)
            real.check(plan.passes.networks)
            yield plan


def _by_count(how: Evaluation, fakes: Mapping[str, ImageSet]) -> dict[int, list[Candidate]]:
    """Sets by the number of images that are taken of them."""
    found: dict[int, list[Candidate]] = {}
    for name, images in fakes.items():
        candidate = _candidate(name, StoredImages(images, mixed=True))
        found.setdefault(_count(how, images, name), []).append(candidate)
    return found


def _paired(asked: Comparison, real: ImageSet, fake: ImageSet, name: str) -> Plan:
    found = partners.match(real, fake)
    _say(found.alone)
    data = whole(found.originals)
    stored = StoredImages(found.reconstructions, paired=True)
    n = asked.how.images or len(found.originals)
    if n > len(found.originals):
        raise NotEnoughData(f"--images {n} asks for more than the {len(found.originals)} pairs")
    if asked.how.repeats > 1:
        raise BadSetting("pairs are measured once, each of them; leave --repeats out")
    how = replace(asked.how, images=1, pairs=n)
    candidate = _candidate(name, stored, "; ".join(found.alone) or None)
    return _plan([candidate], data, how, PAIRED)


def _plan(
    found: Sequence[Candidate], data: Dataset, how: Evaluation, streams: Sequence[Stream]
) -> Plan:
    """With the metrics that were asked for, or all that can be had."""
    if how.metrics:
        return make_plan(found, data, how, strict=False)
    every = replace(how, metrics=possible.candidates(streams))
    plan, left = possible.narrowed(make_plan(found, data, every, strict=False), data.resolution)
    if not plan.metrics:
        raise BadInput("no metric can be had of these images; --metrics NAME says why")
    if left:
        _say([f"not at hand: {', '.join(left)}; --metrics NAME says why, --download may help"])
    return plan


def _candidate(name: str, stored: StoredImages, note: str | None = None) -> Candidate:
    digest = stored.images.digest
    reasons = (
        {Maker.SAMPLER: NO_SAMPLES} if stored.paired else {Maker.RECONSTRUCTOR: NO_PAIRS}
    ) | {Maker.WALKER: NO_LATENTS}
    subject = Subject(missing=reasons, note=note, digest=digest, stored=stored)
    return Candidate(
        name,
        None,
        lambda data, device: subject,
        kind="images",
        look=lambda: digest,
        facts={"images": len(stored.images), "pixels": digest},
    )


def _opened(asked: Comparison, thing: Any, name: str) -> ImageSet:
    images = open_images(thing, resolution=asked.resolution, value_range=asked.value_range)
    if images.left_out:
        where = thing if is_path(thing) else name
        _say([f"{where}: {len(images)} images taken; not taken: {images.left_out}"])
    return images


def _check_sizes(real: ImageSet, fake: ImageSet, name: str) -> None:
    sides = real.resolution, fake.resolution
    if sides[0] != sides[1]:
        raise BadInput(
            f"{real.name} has images of {sides[0]}x{sides[0]}, {name} of {sides[1]}x{sides[1]}; "
            f"with --resolution {min(sides)} (resolution={min(sides)}) both are brought to one size"
        )


def _count(how: Evaluation, images: ImageSet, name: str) -> int:
    """Images of a set of fakes.

    Raises:
        NotEnoughData: there are not enough for disjoint sets.
    """
    n = how.images or len(images) // how.repeats
    if n < 1 or n * how.repeats > len(images):
        raise NotEnoughData(
            f"{name} holds {len(images)} images, {how.repeats} sets of {max(n, 1)} were asked for, "
            f"none in two of them; lower --images to {max(1, len(images) // how.repeats)}"
        )
    return n


def _say(lines: Sequence[str]) -> None:
    if group.rank() == 0:
        sys.stderr.writelines(f"{line}\n" for line in lines)


def is_path(thing: Any) -> bool:
    """Whether a thing is where a set lies."""
    return isinstance(thing, str | Path)
