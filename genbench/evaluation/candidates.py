"""What can be evaluated: runs, any object with the right methods, folders of images, anchors."""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from genbench import runs
from genbench.adapters import named
from genbench.adapters.calls import ModelFailed, failure
from genbench.adapters.wrap import wrap
from genbench.data import Dataset
from genbench.data.image_sets.open_images import IMAGES, holds_images, open_images
from genbench.distributed import group
from genbench.errors import BadInput, GenbenchError
from genbench.evaluation import identity
from genbench.evaluation.subjects import Subject, from_images, from_model
from genbench.interfaces import Maker
from genbench.runs import best_weights, checkpoints
from genbench.runs.best_weights import BEST, LATEST
from genbench.runtime.paths import absolute, told_apart


@dataclass(frozen=True)
class Candidate:
    """Something that could be measured; weights are loaded only when its turn comes."""

    name: str  # row of the table
    run: str | None  # id of the run or of the anchor; None: it is known by its content alone
    open: Callable[[Dataset, torch.device], Subject]
    source: Hashable = None  # folder, or id() of an object: the same one is measured once
    kind: str = "run"  # or "object", "images": in the place of an id
    place: Path | None = None  # where it lies, from which things of one name get others
    resolution: int | None = None  # None: unknown before it is tried
    fingerprint: str | None = None  # of the data it was trained on
    data: Callable[[], Dataset] | None = None  # opens what it was trained on
    anchor: bool = False
    before_training: Candidate | None = None  # the same model, untrained
    look: Callable[[], str] | None = None  # its digest, as the subject will have it, unopened
    trouble: GenbenchError | None = None  # why it cannot be measured, where that is known
    checkpoint: str = LATEST  # the rule by which the weights were chosen, for the protocol
    facts: Mapping[str, Any] = field(default_factory=dict)  # for the provenance

    def identity(self, digest: str | None) -> str | None:
        """All that its images depend on; None where that cannot be known again.

        Args:
            digest: of the subject, if it has one.
        """
        if self.anchor:
            return self.run
        return None if digest is None else f"{self.run or self.kind} {digest}"

    def id(self, digest: str | None) -> str:
        """What stands for it in the table, beside its name; see `identity`."""
        return self.run or f"{self.kind}:{'unknown' if digest is None else digest[:12]}"


def find_candidates(models: Any, runs_dir: Path, checkpoint: str = LATEST) -> list[Candidate]:
    """Everything *models* names.

    Args:
        models: "all" (every run in *runs_dir*), a run folder or its name, a folder of
            images or a .zip, .npz or .npy file of them, an array, a data set or a loader of
            samples, "FILE.py:NAME" of what makes a model, "diffusers:FOLDER", an object that
            `genbench.wrap` understands, a list of these, or a mapping from the name for the
            table to one of these.
        checkpoint: of runs, "latest", or "best" for the weights that training has kept.

    Raises:
        BadInput: a path is neither a run nor a folder of images, or nothing is left. What is
            wrong with one of several objects or runs is the reason in its row.
    """
    found = _distinct(_found(models, runs_dir, checkpoint))
    trouble = [each.trouble for each in found if each.trouble is not None]
    if found and len(trouble) == len(found):
        raise trouble[0]
    return found


def _found(models: Any, runs_dir: Path, checkpoint: str) -> list[Candidate]:
    if isinstance(models, Mapping):
        named = [(str(name), model) for name, model in models.items()]
        given = [(name, _one(model, runs_dir, checkpoint)) for name, model in named]
        found = [replace(_renamed(each, name), place=None) for name, each in given]
    elif isinstance(models, list | tuple):
        found = [each for model in models for each in _found(model, runs_dir, checkpoint)]
    elif models == "all":
        found = [_run(run, checkpoint) for run in runs.list_all(runs_dir)]
        if not found:
            raise BadInput(
                f"no trained runs in {runs_dir}; "
                "train one with: genbench train pioneer --preset tiny"
            )
    else:
        found = [_one(models, runs_dir, checkpoint)]
    return found


def _run(run: runs.Run, checkpoint: str) -> Candidate:
    """A run folder; one without the weights that are asked for is a row with the reason."""
    try:
        return from_run(run, checkpoint)
    except BadInput as error:
        return replace(from_run(run), open=_refusal(error), trouble=error)


def _refusal(error: GenbenchError) -> Callable[[Dataset, torch.device], Subject]:
    def refuse(data: Dataset, device: torch.device) -> Subject:
        raise error

    return refuse


def _renamed(found: Candidate, name: str) -> Candidate:
    """By another name, and what it was before its training likewise."""
    before = found.before_training and replace(found.before_training, name=_untrained_name(name))
    return replace(found, name=name, before_training=before)


def from_run(run: runs.Run, checkpoint: str = LATEST) -> Candidate:
    """A run folder, known by the weights that are loaded when its turn comes.

    Raises:
        BadInput: its best weights are asked for, and it has kept none.
    """
    rule = LATEST if checkpoint == LATEST else str(best_weights.best(run.folder)[1]["rule"])

    def load(data: Dataset, device: torch.device) -> Subject:
        model, weights = runs.load_known(run, str(device), checkpoint=checkpoint)
        subject = from_model(model, device)
        return replace(
            subject,
            note=weights.remark or subject.note,
            digest=weights.digest,
            facts={"weights": weights.digest, "seen": weights.seen},
        )

    def look() -> str:
        if checkpoint == BEST:
            return checkpoints.check(best_weights.best(run.folder)[0]).digest
        return checkpoints.look(run.checkpoints).digest

    return Candidate(
        run.name,
        run.id,
        load,
        run.folder.resolve(),
        place=absolute(run.folder),
        resolution=run.resolution,
        fingerprint=run.facts["fingerprint"],
        data=None if run.facts["fingerprint"] is None else lambda: runs.data_of(run),
        before_training=_untrained(run),
        look=look,
        checkpoint=rule,
        facts={"model": run.model, "folder": run.name},
    )


def in_training(name: str, model: Any) -> Candidate:
    """A model between two of its steps: no table has its numbers, so nothing knows it again."""
    return Candidate(name, None, lambda data, device: from_model(model, device), id(model))


def _untrained_name(name: str) -> str:
    return f"{name} (untrained)"


def _untrained(run: runs.Run) -> Candidate:
    """The model of a run before its first step: what a number is worth without learning."""

    def load(data: Dataset, device: torch.device) -> Subject:
        return from_model(runs.untrained(run, data, device=str(device)), device)

    return Candidate(
        _untrained_name(run.name),
        f"{run.id}-untrained",
        load,
        run.folder.resolve(),
        resolution=run.resolution,
        fingerprint=run.facts["fingerprint"],
        anchor=True,
    )


def _from_images(given: Any, name: str, source: Hashable, place: Path | None = None) -> Candidate:
    """A folder of samples, or whatever else `open_images` takes."""

    def load(data: Dataset, device: torch.device) -> Subject:
        images = open_images(given)
        if images.left_out and group.rank() == 0:
            sys.stderr.write(f"{name}: {images.left_out}\n")
        return from_images(images, data.resolution)

    return Candidate(name, None, load, source, "images", place)


def _from_files(file: Path) -> Candidate:
    """Samples that lie somewhere, called by the name of their folder or file."""
    place = absolute(file)
    found = _from_images(file, place.name or str(place), file.resolve(), place)
    given = str(file) if file.name == place.name else place.name
    return replace(found, facts={"place": given})


def _from_name(name: str) -> Candidate:
    """A function in a file, or an autoencoder of diffusers."""
    title = named.title(name)
    place = absolute(named.check(name)).with_name(title)
    return _from_object(title, lambda device: named.load(name, device), place, place)


def _one(model: Any, runs_dir: Path, checkpoint: str) -> Candidate:
    if isinstance(model, Candidate):
        return model
    if isinstance(model, str | Path):
        return _from_path(model, runs_dir, checkpoint)
    if holds_images(model):
        return _from_images(model, type(model).__name__.lower(), id(model))
    try:
        wrapped = wrap(model)
        name = type(wrapped.model).__name__
        if not wrapped.anything():
            raise BadInput(
                f"{name} cannot be measured: it has none of sample, draw, encode; "
                "genbench.wrap(model, sample=...) says how it is called"
            )
    except BadInput as error:
        name = getattr(model, "__name__", type(model).__name__)
        return Candidate(name, None, _refusal(error), id(model), "object", trouble=error)
    return _from_object(name, lambda device: model, id(model))


def _from_object(
    name: str, make: Callable[[torch.device], Any], source: Hashable, place: Path | None = None
) -> Candidate:
    """Whatever `genbench.wrap` understands, known by its numbers and by what it makes."""

    def load(data: Dataset, device: torch.device) -> Subject:
        model = make(device)
        subject = from_model(model, device)
        return replace(subject, digest=identity.of_object(model, data, device))

    return Candidate(name, None, load, source, "object", place)


def _from_path(path: str | Path, runs_dir: Path, checkpoint: str) -> Candidate:
    run = runs.find_if_any(path, runs_dir)
    if run is not None:
        return _run(run, checkpoint)
    if named.is_named(str(path)):
        return _from_name(str(path))
    file = Path(path).expanduser()
    if file.is_dir() or (file.is_file() and file.suffix.lower() in IMAGES):
        return _from_files(file)
    known = [run.name for run in runs.list_all(runs_dir)]
    raise BadInput(
        f"{path} is neither a run in {runs_dir} nor a folder of images or a file of them, nor "
        "FILE.py:NAME, nor diffusers:FOLDER; "
        f"runs there: {', '.join(known) or 'none'}"
    )


def _distinct(found: Sequence[Candidate]) -> list[Candidate]:
    """Each thing once by a name; those of one name are called by where they lie."""
    unique = list({(each.source, _own_name(each)): each for each in found}.values())
    places = [each.place for each in unique if each.place is not None]
    ends = dict(zip(places, told_apart(places), strict=True))
    found = []
    for each in unique:
        end = None if each.place is None else ends[each.place]
        found.append(each if end in (None, _own_name(each)) else _renamed(each, str(end)))
    check_names(found)
    return found


def _own_name(candidate: Candidate) -> str:
    """What it is called where nothing else has that name."""
    return candidate.name if candidate.place is None else candidate.place.name


def check_names(found: Sequence[Candidate]) -> None:
    """Refuse two things of one name, of which a table would have one row.

    Raises:
        BadInput: the message has the names.
    """
    names = [each.name for each in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if taken := sorted({each.name for each in found if each.anchor} & set(twice)):
        raise BadInput(
            f"{', '.join(taken)} is what a yardstick is called; give the model another name"
        )
    if twice:
        raise BadInput(
            f"two models are called {', '.join(twice)}; pass a mapping from names to models"
        )


def fitting(
    found: Iterable[Candidate], data: Dataset, *, strict: bool
) -> tuple[list[Candidate], list[str]]:
    """Those that fit the data set, and one line for each that does not.

    Args:
        strict: a run must have been trained on these very images ("all" means those).
    """
    kept, left = [], []
    for candidate in found:
        if candidate.resolution not in (None, data.resolution):
            left.append(
                f"{candidate.name}: trained at {candidate.resolution}x{candidate.resolution}, "
                f"the data are {data.resolution}x{data.resolution}"
            )
        elif strict and candidate.fingerprint and not data.known_as(candidate.fingerprint):
            left.append(f"{candidate.name}: trained on other images than {data.name}")
        else:
            kept.append(candidate)
    return kept, left


def opened(candidate: Candidate, data: Dataset, device: torch.device) -> Subject:
    """The subject, or one that has nothing, with the reason: the same in every process."""
    try:
        while True:
            with group.agreed():
                subject = opened_here(candidate, data, device)
            # A training may have written newer weights while another process loaded these.
            if candidate.look is None or len(set(group.everyone(subject.digest))) == 1:
                return subject
    except GenbenchError as error:
        return Subject(missing=dict.fromkeys(Maker, str(error)))


def opened_here(candidate: Candidate, data: Dataset, device: torch.device) -> Subject:
    """The subject, in this process.

    Raises:
        GenbenchError: it cannot be had, for whatever reason.
    """
    try:
        return candidate.open(data, device)
    except GenbenchError:
        raise
    except Exception as error:
        raise ModelFailed(failure("loading it", error)) from error
