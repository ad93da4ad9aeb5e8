"""The card of a trained model, as Markdown: results with their protocols, settings, data, cost."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from genbench import registry, runs
from genbench.errors import BadInput, GenbenchError
from genbench.interfaces import Json, Report
from genbench.reporting import model_card
from genbench.results.record import Record
from genbench.runs import Run, checkpoints
from genbench.runtime import atomic
from genbench.tables.build import build
from genbench.tables.headings import column
from genbench.tables.table import Document

LATEST = 2  # grids shown of each kind


def write(run: Run, records: Sequence[Record], target: Path) -> None:
    """Write the card of *run* to *target*; its pictures stay in the run folder."""
    atomic.write_text(target, "\n\n".join(_blocks(run, records, target.parent)) + "\n")


def _blocks(run: Run, records: Sequence[Record], where: Path) -> Iterator[str]:
    yield _head(run, records).rstrip()
    yield "## Cost"
    yield _fence(_cost(run))
    yield "## Weights"
    yield _fence(_weights(run))
    yield "## Data"
    yield _fence(_data(run))
    yield "## Settings"
    yield "Every value with the place that it came from."
    for part, entries in run.settings.items():
        yield f"### Of the {part}"
        yield _fence(_settings(entries))
    yield "## Environment"
    yield _fence(f"{name}: {value}" for name, value in _of(run, "provenance").items())
    yield from _grids(run, where)
    yield "## How to cite"
    yield _fence(_citation(run))


def _head(run: Run, records: Sequence[Record]) -> str:
    """Title, what it is, and its numbers beside the yardsticks measured with them."""
    mine = {record.evaluation for record in records if record.run == run.id}
    shown = [r for r in records if r.run == run.id or (r.anchor and r.evaluation in mine)]
    facts = run.facts
    lead = [
        f"A {run.model} ({_summary(run)}), trained on {facts['dataset']} at "
        f"{run.resolution}x{run.resolution}: {run.status} after {facts['seen']:,} of "
        f"{facts['total']:,} images."
    ]
    if not shown:
        lead.append(
            f"Nothing was measured yet: genbench evaluate --models {run.name} "
            f"--runs {run.folder.parent}"
        )
    form: Report = registry.plugin("report", "markdown").load()
    return form.render(Document(run.name, tuple(lead), tuple(build(shown, column))))


def _summary(run: Run) -> str:
    try:
        return registry.plugin("model", run.model).summary().rstrip(".")
    except GenbenchError:
        return "of a package that is not installed here"


def _cost(run: Run) -> Iterator[str]:
    facts = run.facts
    provenance = _of(run, "provenance")
    yield f"images seen: {facts['seen']:,}"
    kind = run.device_kind
    device = f"on {provenance.get('device', 'a device that was not recorded')}"
    if run.device_hours is not None:
        yield f"{kind} hours: {run.device_hours:.3g} {device}"
    elif facts.get("ended") and facts.get("created"):
        span = datetime.fromisoformat(str(facts["ended"])) - datetime.fromisoformat(
            str(facts["created"])
        )
        hours = span.total_seconds() / 3600
        yield f"{kind} hours: at most {hours:.3g} {device}, from its creation to its end"
    else:
        yield f"{kind} hours: not recorded, {device}"
    if origin := facts.get("from"):
        yield f"started from: {origin['name']} ({origin['model']}, {origin['seen']:,} images)"


def _weights(run: Run) -> Iterator[str]:
    """Those that everything else takes, too: the newest that are whole."""
    try:
        found = checkpoints.look(run.checkpoints)
    except BadInput as error:
        yield f"none: {error}"
        return
    yield f"digest: {found.digest}"
    yield f"images seen: {found.seen:,}"
    if found.remark is not None:
        yield found.remark


def _data(run: Run) -> Iterator[str]:
    facts = run.facts
    yield f"data set: {facts['dataset']} at {run.resolution}x{run.resolution}"
    yield f"read from: {facts['data']}"
    yield f"fingerprint: {facts['fingerprint'] or 'not known, the weights were imported'}"
    yield f"licence: {_licence(run)}"


def _licence(run: Run) -> str:
    """As the data set says; of an older run, which does not say it, from the data itself."""
    if licence := run.facts.get("licence"):
        return str(licence)
    try:
        return runs.data_of(run).licence
    except GenbenchError as error:
        return f"not known here, the data cannot be opened: {error}"


def _settings(entries: Mapping[str, Mapping[str, Json]]) -> Iterator[str]:
    for name, entry in entries.items():
        yield f"{name} = {entry['value']}  ({entry['source']})"


def _grids(run: Run, where: Path) -> Iterator[str]:
    """The newest grids of each kind, which training has drawn."""
    kinds: dict[str, list[Path]] = {}
    for file in sorted((run.folder / "grids").glob("*.png")):
        kinds.setdefault(re.sub(r"[-_]?\d+", "", file.stem), []).append(file)
    if not kinds:
        return
    yield "## Pictures"
    yield "Drawn while training, from one seed and the same held-out images, never chosen."
    for kind, found in kinds.items():
        for file in found[-LATEST:]:
            link = quote(os.path.relpath(file, where))
            words = kind or "grid"
            yield f"![{words} of the model, as training went on]({link})"


def _citation(run: Run) -> Iterator[str]:
    yield "genbench, " + str(_of(run, "provenance").get("genbench", "version not recorded"))
    try:
        found = registry.plugin("model", run.model)
    except GenbenchError:
        return
    yield model_card.paper(found) or "the model names no paper"


def _of(run: Run, name: str) -> Mapping[str, Any]:
    found = run.facts.get(name)
    return found if isinstance(found, dict) else {}


def _fence(lines: Iterable[str]) -> str:
    """Lines that stay the lines they are, whatever they hold."""
    plain = ["".join(c if c.isprintable() else " " for c in line) for line in lines]
    longest = max((len(run) for line in plain for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}text", *plain, fence])
