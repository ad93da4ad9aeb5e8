"""Sets of images against one set, whole: no data set, no split, no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genbench.data.image_sets.image_set import ImageSet
from genbench.data.image_sets.items import Range
from genbench.distributed import group
from genbench.errors import BadSetting
from genbench.evaluation.comparison_plans import Comparison, is_path, plans
from genbench.evaluation.measure import carry_out
from genbench.evaluation.plan import find_metrics
from genbench.evaluation.settings import Evaluation
from genbench.results.record import Record
from genbench.runtime import paths
from genbench.runtime.devices import choose

if TYPE_CHECKING:
    from genbench.evaluation.results_frame import Results

# Images at once on a CPU, unless told: 64 take 0.7 GB more of Inception, and no less time each.
AT_ONCE = 8


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
    moments: bool = False,
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
        moments: take mean and covariance of an .npz file that holds images, too, as ADM's do.
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
        weights_dir=paths.expanded(weights_dir),
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
        moments=moments,
    )
    from genbench.evaluation import results_frame  # pandas: half a second the command line saves

    return results_frame.frame(measure(asked))


def named(things: Sequence[Any]) -> dict[str, Any]:
    """Things by names that tell them apart: "fakes", or "ganA/fakes" and "ganB/fakes".

    Raises:
        BadSetting: there is nothing, or one thing twice.
    """
    found: dict[str, Any] = {}
    places = {
        i: Path(each).expanduser().resolve() for i, each in enumerate(things) if is_path(each)
    }
    ends = dict(zip(places, paths.told_apart(list(places.values())), strict=True))
    for number, thing in enumerate(things):
        if isinstance(thing, Mapping):
            more = {str(name): each for name, each in thing.items()}
        elif number in ends:
            more = {ends[number]: thing}
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
        batch = asked.how.batch or (AT_ONCE if device.type == "cpu" else None)
        how = replace(asked.how, device=str(device), batch=batch, jackknife=True)
        with group.agreed():
            planned = list(plans(replace(asked, how=how)))
        return [record for plan in planned for record in carry_out(plan)]
