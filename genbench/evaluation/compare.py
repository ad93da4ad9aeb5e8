"""Sets of images against one set, whole: no data set, no split, no model."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genbench.data.dataset import Dataset, whole
from genbench.data.image_sets.image_set import ImageSet
from genbench.data.image_sets.items import Range
from genbench.data.image_sets.open_images import open_images
from genbench.distributed import group
from genbench.errors import BadInput, BadSetting, NotEnoughData
from genbench.evaluation import partners, possible, reference_statistics
from genbench.evaluation.candidates import Candidate
from genbench.evaluation.measure import carry_out
from genbench.evaluation.plan import Plan, find_metrics, make_plan
from genbench.evaluation.reference_statistics import Reference
from genbench.evaluation.settings import Evaluation
from genbench.evaluation.stored_images import NO_LATENTS, NO_SAMPLES, StoredImages
from genbench.evaluation.subjects import Subject
from genbench.interfaces import Maker, Stream
from genbench.results.record import Record
from genbench.runtime.devices import choose

if TYPE_CHECKING:
    from genbench.evaluation.results_frame import Results

UNPAIRED = (Stream.REAL, Stream.SAMPLES)
PAIRED = (Stream.HELD_OUT, Stream.RECONSTRUCTIONS, Stream.PAIRS)
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


def compare(
    real: Any,
    *fakes: Any,
    paired: bool = False,
    metrics: Sequence[str] = (),
    images: int | None = None,
    reference: int | None = None,
    repeats: int = 1,
    resolution: int | None = None,
    value_range: Range | None = None,
    seed: int = Evaluation.seed,
    batch: int | None = None,
    weights_dir: str | Path | None = None,
    download: bool = False,
    device: str = Evaluation.device,
    devices: int = Evaluation.devices,
    compile: bool = False,  # noqa: A002  # as the option is called
) -> Results:
    """Compare sets of images with one of them, whole: all that ``genbench compare`` does.

    Args:
        real: the reference, or the originals: a folder, searched deep; a .zip, .npz or .npy file;
            an array or tensor of images; a data set or a loader, of torch or Hugging Face. For
            FID alone also an .npz file with mean and covariance, as pytorch-fid and
            ``genbench stats`` write it.
        fakes: one or several of the same kinds, or mappings from names to them.
        paired: each image of the fakes was made of the real one of the same relative path, or of
            the same row where there are no names.
        metrics: names as on the command line; by default all that can be had with the weights
            that are at hand.
        images: of each set of fakes; by default all.
        reference: of the real images; by default all.
        repeats: disjoint sets of *images* that are drawn; their spread is the error bar.
        resolution: that the centre square of each image is brought to; by default images are
            taken as they are.
        value_range: black and white of images that are floats.
        seed, batch, weights_dir, download, device, devices, compile: see `genbench.evaluate`.

    Returns:
        A DataFrame with a row per number, as `genbench.evaluate` returns.

    Raises:
        GenbenchError: anything the caller can put right.
    """
    how = Evaluation(
        metrics=tuple(metrics),
        images=images,
        reference=reference,
        repeats=repeats,
        seed=seed,
        batch=batch,
        weights_dir=None if weights_dir is None else Path(weights_dir).expanduser(),
        download=download,
        device=device,
        devices=devices,
        compile=compile,
    )
    asked = Comparison(
        real=real,
        fakes=named(fakes),
        how=how,
        paired=paired,
        resolution=resolution,
        value_range=value_range,
    )
    from genbench.evaluation import results_frame  # pandas: half a second the command line saves

    return results_frame.frame(measure(asked))


def named(things: Sequence[Any]) -> dict[str, Any]:
    """Things by names that tell them apart: "fakes", or "ganA/fakes" and "ganB/fakes".

    Raises:
        BadSetting: there is nothing, or one thing twice.
    """
    found: dict[str, Any] = {}
    paths = {
        i: Path(each).expanduser().resolve() for i, each in enumerate(things) if _is_path(each)
    }
    for number, thing in enumerate(things):
        if isinstance(thing, Mapping):
            more = {str(name): each for name, each in thing.items()}
        elif number in paths:
            more = {_tail(paths[number], list(paths.values())): thing}
        else:
            name = thing.name if isinstance(thing, ImageSet) else type(thing).__name__.lower()
            more = {name if name not in found else f"{name} {number + 1}": thing}
        if twice := found.keys() & more.keys():
            raise BadSetting(f"{twice.pop()} was given twice; give each set once, by one name")
        found |= more
    if not found:
        raise BadSetting("there is nothing to compare; give a second set of images")
    return found


def measure(asked: Comparison) -> list[Record]:
    """Measure every set of fakes against the real one, in every process.

    Raises:
        GenbenchError: anything the caller can put right.
    """
    find_metrics(asked.how.metrics or ("all",))  # a wrong name should not wait for the images
    with group.together(asked.how.devices, choose(asked.how.device)) as device:
        how = replace(asked.how, device=str(device), jackknife=True)
        with group.agreed():
            planned = list(_plans(replace(asked, how=how)))
        return [record for plan in planned for record in carry_out(plan)]


def _plans(asked: Comparison) -> Iterator[Plan]:
    """A plan for each number of images, for numbers of different ones do not compare."""
    if reference_statistics.is_reference(asked.real):
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
        f"images:{digest[:12]}",
        lambda data, device: subject,
        identity=f"images {digest}",
        facts={"images": len(stored.images), "pixels": digest},
    )


def _opened(asked: Comparison, thing: Any, name: str) -> ImageSet:
    images = open_images(thing, resolution=asked.resolution, value_range=asked.value_range)
    if images.left_out:
        where = thing if _is_path(thing) else name
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


def _is_path(thing: Any) -> bool:
    return isinstance(thing, str | Path)


def _tail(path: Path, others: Sequence[Path]) -> str:
    """The end of a path that no other path ends with."""
    for length in range(1, len(path.parts)):
        tail = path.parts[-length:]
        if sum(other.parts[-length:] == tail for other in others) == 1:
            return "/".join(tail)
    return str(path)
