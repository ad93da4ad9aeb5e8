"""From models and metrics to records: plan, measure, commit."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from genbench import devices, features, places, provenance, registry
from genbench.data import Dataset, open_dataset
from genbench.errors import BadSetting, NotEnoughData, NotMeasurable, nearest
from genbench.evaluation import anchors, subjects
from genbench.evaluation.passes import Passes
from genbench.evaluation.scoring import score
from genbench.evaluation.subjects import Candidate
from genbench.evidence import networks_needed
from genbench.interfaces import Extractor, Gather, Metric, View
from genbench.record import Record
from genbench.store import Store

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_IMAGES = 10_000  # samples and real images, as in the tables of the Pioneer paper


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How to measure. What of it changes a number is in the protocol."""

    metrics: tuple[str, ...]
    images: int | None = None  # real images, and samples; None: 10,000 or what there is
    pairs: int | None = None  # held-out images; None: 10,000 or what there is
    paths: int | None = None  # steps in latent space; None: as many as images
    repeats: int = 3  # independent sets of samples, for the error bar
    seed: int = 0
    batch: int | None = None  # images at once; None: 64 on a CPU, on a GPU what fits
    device: str = "auto"
    anchors: bool = False  # measure real images, the mean image and untrained models too
    weights_dir: Path | None = None
    download: bool = False


def evaluate(
    models: Any,
    *,
    data: str | Dataset | None = None,
    metrics: Sequence[str],
    resolution: int | None = None,
    table: str | Path | None = None,
    runs_dir: str | Path = "runs",
    **options: Any,
) -> pd.DataFrame:
    """Measure models and return one row per number.

    Args:
        models: see `genbench.evaluation.subjects.candidates`: runs, objects with `sample`,
            `encode`, `decode`, folders of images; one, a list, a mapping by name, or "all".
        data: a data set, "celeba", "folder:PATH", or an open one; by default the one
            that the runs were trained on.
        metrics: names as on the command line: "fid", "fid:768", "rmse"; or ["all"].
        resolution: of the data set; needed where no run tells it.
        table: folder of the results table to commit to; None commits nothing.
        runs_dir: where names of runs are looked up.
        options: the other fields of `Evaluation`.

    Returns:
        A DataFrame with the fields of `Record`, and its id.

    Raises:
        GenbenchError: anything the caller can put right.
    """
    import pandas as pd  # half a second that the command line does not need

    how = Evaluation(metrics=tuple(metrics), **options)
    found = subjects.candidates(models, Path(runs_dir))
    if data is None:
        data = default_data(found)
    elif isinstance(data, str):
        data = open_dataset(data, resolution or shared_resolution(found))
    records, left = measure(found, data, how, strict=models == "all")
    for line in left:
        sys.stderr.write(f"left out: {line}\n")
    if table is not None:
        Store(table).append(records, "genbench.evaluate")
    return pd.DataFrame([{"id": record.id, **asdict(record)} for record in records])


def measure(
    found: Sequence[Candidate], data: Dataset, how: Evaluation, *, strict: bool
) -> tuple[list[Record], list[str]]:
    """Measure every candidate that fits *data*.

    Args:
        strict: leave out runs that were trained on other images.

    Returns:
        The records, and one line for each candidate that was left out.

    Raises:
        BadSetting: numbers that make no sense, or nothing that fits.
        NotEnoughData: more real images asked for than there are.
        WrongWeights: a weights file that is not what it should be.
    """
    metrics = find_metrics(how.metrics)
    sizes = _sizes(how, data)
    kept, left = subjects.fitting(found, data, strict=strict)
    if not kept:
        raise BadSetting("none of the models fits the data: " + "; ".join(left))
    device = devices.choose(how.device)
    networks, missing = _networks(metrics, how, device)
    pending = _pending(kept, data, how)
    passes = Passes(data, how, sizes, networks, device, pending)
    if how.anchors:
        kept = [*kept, *_anchors(kept, passes)]
    common = {
        "evaluation": secrets.token_hex(6),
        "dataset": data.name,
        "resolution": data.resolution,
    }
    circumstances = {**provenance.describe(device), "seed": how.seed, "batch": how.batch}
    records: list[Record] = []
    wanted = dict.fromkeys(look for m in metrics.values() for look in m.looks.values())
    looks = [look for look in wanted if _visible(look.gather, networks)]
    real = passes.real(looks)
    for candidate in kept:
        began = time.monotonic()
        subject = subjects.opened(candidate, data, device)
        gathered = passes.subject(candidate.name, subject, looks, candidate.identity)
        facts = circumstances | dict(candidate.facts)
        facts["seconds"] = round(time.monotonic() - began, 2)
        for name, metric in metrics.items():
            records += score(
                name, metric, real, gathered, passes, missing,
                {**common, "time": provenance.now(), "model": candidate.name,
                    "anchor": candidate.anchor,
                 "run": candidate.run, "provenance": facts},
            )  # fmt: skip
    shutil.rmtree(pending, ignore_errors=True)
    return records, left


def _pending(kept: Sequence[Candidate], data: Dataset, how: Evaluation) -> Path:
    """Folder for the finished passes of this very evaluation, should it be interrupted."""
    facts = [c.identity for c in kept], data.fingerprint, how, provenance.code_digest()
    key = hashlib.sha256(repr(facts).encode()).hexdigest()[:24]
    return places.cache_dir() / "pending" / key


def find_metrics(names: Iterable[str]) -> dict[str, Metric]:
    """Metrics by the names users give them: "fid", "fid:768", "all".

    Raises:
        UnknownName: no such metric.
        BadSetting: no such variant of it, or no metric at all.
    """
    found: dict[str, Metric] = {}
    for name in names:
        if name == "all":
            for each, room in registry.rooms("metric").items():
                metric: Metric = room.load()
                found[each] = metric
                found |= {f"{each}:{variant}": m for variant, m in metric.variants.items()}
            continue
        base, _, variant = name.partition(":")
        metric = registry.room("metric", base).load()
        if variant and variant not in metric.variants:
            known = ", ".join(f"{base}:{v}" for v in metric.variants) or "none"
            raise BadSetting(
                f"{base} has no variant {variant!r}.{nearest(variant, metric.variants)} "
                f"Known: {known}"
            )
        found[name] = metric.variants[variant] if variant else metric
    if not found:
        raise BadSetting("no metric was asked for; see: genbench list metric")
    return found


def _sizes(how: Evaluation, data: Dataset) -> dict[View, int]:
    """Images of each view; what was asked for explicitly is never cut."""
    room = len(data.train) // (2 if how.anchors else 1)
    images = how.images if how.images is not None else min(DEFAULT_IMAGES, room)
    pairs = how.pairs if how.pairs is not None else min(DEFAULT_IMAGES, len(data.test))
    if min(images, pairs, how.repeats, how.batch or 1, how.paths or 1) < 1:
        raise BadSetting("--images, --pairs, --paths, --repeats and --batch must be at least 1")
    if images > len(data.train):
        raise NotEnoughData(
            f"--images {images} asks for more real images than the training split of "
            f"{data.name} has; lower it to {len(data.train)}"
        )
    if pairs > len(data.test):
        raise NotEnoughData(
            f"--pairs {pairs} asks for more held-out images than {data.name} has; "
            f"lower it to {len(data.test)}"
        )
    return {
        View.REAL: images,
        View.SAMPLES: images,
        View.PATHS: how.paths if how.paths is not None else images,
        View.PAIRS: pairs,
        View.HELD_OUT: pairs,
        View.RECONSTRUCTIONS: pairs,
    }


def _networks(
    metrics: Mapping[str, Metric], how: Evaluation, device: torch.device
) -> tuple[dict[str, Extractor], dict[str, str]]:
    """The feature networks that can be had, and the reasons for those that cannot."""
    looks = [look for metric in metrics.values() for look in metric.looks.values()]
    networks: dict[str, Extractor] = {}
    missing: dict[str, str] = {}
    for name in networks_needed(looks):
        try:
            networks[name] = features.load(
                name, weights_dir=how.weights_dir, device=device, download=how.download
            )
        except NotMeasurable as error:
            missing[name] = str(error)
    return networks, missing


def _visible(gather: Gather, networks: Mapping[str, Extractor]) -> bool:
    if gather.features is None:
        return True
    network, layer = gather.features
    return network in networks and layer in networks[network].layers


def _anchors(kept: Sequence[Candidate], passes: Passes) -> list[Candidate]:
    before = [c.before_training for c in kept if c.before_training is not None]
    return [anchors.real_images(passes.reference), anchors.mean_image(), *before]


def shared_resolution(found: Sequence[Candidate]) -> int:
    """The one resolution that the runs have.

    Raises:
        BadSetting: none or several.
    """
    known = sorted({c.resolution for c in found if c.resolution is not None})
    if len(known) != 1:
        raise BadSetting(
            "the resolution of the data is not known"
            + (f": the runs have {', '.join(map(str, known))}" if known else "")
            + "; give --resolution"
        )
    return known[0]


def default_data(found: Sequence[Candidate]) -> Dataset:
    """The data set that all runs were trained on.

    Raises:
        BadSetting: there is none, or more than one.
    """
    known = {c.fingerprint: c.data for c in found if c.data is not None}
    if not known:
        raise BadSetting("no run tells which data to use; give --data and --resolution")
    if len(known) > 1:
        names = ", ".join(c.name for c in found if c.data is not None)
        raise BadSetting(
            f"the runs were trained on {len(known)} data sets ({names}); "
            "give --data and --resolution"
        )
    return next(iter(known.values()))()
