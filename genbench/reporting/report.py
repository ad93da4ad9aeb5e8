"""From records and run folders to a report, and from a report to files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from genbench import registry, runs
from genbench.data import Dataset
from genbench.errors import (
    BadInput,
    GenbenchError,
    NotEnoughData,
    NotMeasurable,
    UnknownName,
)
from genbench.figures import trained_model
from genbench.figures.ranks import ranks
from genbench.figures.samples import Row, Strip, row, sampled_side_by_side, side_by_side, strip
from genbench.figures.standard import standard
from genbench.figures.tradeoff import tradeoff
from genbench.figures.training_curves import training_curves
from genbench.interfaces import Report
from genbench.results.record import Record
from genbench.runtime import atomic
from genbench.tables import fame, with_published
from genbench.tables.build import build
from genbench.tables.headings import column
from genbench.tables.table import (
    Document,
    Figure,
    Table,
    TableColumn,
    figure_file,
)


def to_text(records: Sequence[Record], *, notes: bool = False) -> str:
    """Tables for the terminal.

    Args:
        notes: all of them, where else only those that are read with the numbers.
    """
    form: Report = registry.plugin("report", "terminal").load()
    tables = tuple(build(records, column))
    return form.render(Document(title="", tables=tables, unfolded=notes))


def compose(
    records: Sequence[Record],
    runs_dir: Path,
    title: str,
    device: str = "auto",
    *,
    lead: Sequence[str] = (),
    next_steps: Sequence[str] = (),
    figures: Sequence[Figure] = (),
) -> Document:
    """Tables of *records*, and pictures of those of their runs that are still in *runs_dir*.

    Args:
        figures: to be shown after those that are made here.
    """
    there = {run.id: run for run in runs.list_all(runs_dir)}
    shown = dict.fromkeys(record.run for record in records if record.run in there)
    pictures: list[Figure] = []
    notes: list[str] = []
    opened: dict[str, Dataset] = {}  # by fingerprint
    glances: dict[str, Glance] = {}  # by that of the images as they are now
    for run in (there[run_id] for run_id in shown):
        try:
            pictures += _pictures(run, opened, glances, device, notes)
        except GenbenchError as error:
            notes.append(f"no pictures of {run.name}: {error}")
    tables = build(records, column)
    pictures = [*_at_a_glance(list(glances.values())), *pictures, *_charts(records, tables, notes)]
    newest = records[-1] if records else None
    facts = [] if newest is None else _facts(newest)
    return Document(
        title=title,
        lead=(*lead, *notes),
        tables=tuple(tables),
        figures=(*pictures, *figures),
        facts=tuple(facts),
        next_steps=tuple(next_steps),
    )


def against_published(report: Document, records: Sequence[Record]) -> Document:
    """The report with the papers' numbers beside those of *records*, which its tables hold."""
    models = {record.run: record.provenance.get("model") for record in records}
    systems = {run: _published_as(str(model)) for run, model in models.items() if model}
    return replace(
        report, tables=tuple(with_published.beside(table, systems) for table in report.tables)
    )


def _published_as(model: str) -> tuple[str, ...]:
    """Names under which papers print a model of the registry; none where it is gone."""
    try:
        return registry.model(model).published_as
    except UnknownName:
        return ()


def write(report: Document, forms: Mapping[str, Report], out: Path) -> list[Path]:
    """Write each form that is a file, and the figures beside them; returns the files."""
    written = []
    for figure in report.figures:
        with atomic.new_file(out / figure_file(figure)) as temporary:
            temporary.write_bytes(figure.png)
    for name, form in forms.items():
        if name != "terminal":
            target = out / f"report{form.suffix}"
            atomic.write_text(target, form.render(report))
            written.append(target)
    return written


def training_figure(names: Sequence[str], runs_dir: Path) -> Figure:
    """What runs have logged, for a report."""
    return training_curves([runs.find(name, runs_dir) for name in names]).figure()


def _charts(
    records: Sequence[Record], tables: Sequence[Table], notes: list[str]
) -> Iterator[Figure]:
    """Of each table the trade-off of samples and reconstructions, and the ranks, where they are."""
    for table in tables:
        directed = [c for c in table.columns if c.protocol_id and c.lower_is_better is not None]
        across, up = (_first_of(names, directed) for names in (fame.SAMPLES, ("lpips", "rmse")))
        try:
            if across and up:
                yield tradeoff(table, across, up).figure()
        except BadInput as error:  # numbers of several protocols
            notes.append(f"no trade-off plot: {error}")
        except NotEnoughData:
            pass  # no model has both, which the table shows
        with contextlib.suppress(NotEnoughData):
            yield ranks(records, column, (table.dataset, table.resolution)).figure()


def _first_of(metrics: Iterable[str], columns: Sequence[TableColumn]) -> str | None:
    """A score of the first of these metrics that the table has."""
    return next((score for name in metrics for score in _scores_of(name, columns)), None)


def _scores_of(metric: str, columns: Sequence[TableColumn]) -> list[str]:
    """The score that is called as its metric, and those of variants: "fid", "fid_768"."""
    scores = dict.fromkeys(column.score for column in columns)
    return [score for score in scores if score == metric or score.startswith(f"{metric}_")]


@dataclass
class Glance:
    """What several models make of one data set, to be set side by side."""

    strips: list[Strip] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    def add(self, of: trained_model.TrainedModel) -> None:
        """What this model can make of it."""
        with contextlib.suppress(NotMeasurable, NotEnoughData):
            self.strips.append(strip(of))
        with contextlib.suppress(NotMeasurable):
            self.rows.append(row(of))


def _at_a_glance(glances: Sequence[Glance]) -> Iterator[Figure]:
    """Reconstructions and samples of all models; those of the first data set above the tables."""
    for number, each in enumerate(glances):
        first = number == 0
        if each.strips:
            yield side_by_side(each.strips).figure(first=first)
        if each.rows:
            yield sampled_side_by_side(each.rows).figure(first=first)


def _pictures(
    run: runs.Run,
    opened: dict[str, Dataset],
    glances: dict[str, Glance],
    device: str,
    notes: list[str],
) -> list[Figure]:
    key = str(run.facts["fingerprint"])
    if key not in opened:
        opened[key] = runs.data_of(run)
    of = trained_model.from_run(run, device, opened[key])
    if of.remark is not None:
        notes.append(f"pictures of {run.name}: {of.remark}")
    glances.setdefault(of.data.fingerprint, Glance()).add(of)
    return [drawn.figure() for drawn in standard(of)]


def _facts(record: Record) -> list[tuple[str, str]]:
    """Circumstances of the newest evaluation."""
    known = ("genbench", "git", "torch", "python", "device", "platform", "command", "seed")
    found = [(name, str(record.provenance[name])) for name in known if record.provenance.get(name)]
    return [("measured", record.time), *found]
