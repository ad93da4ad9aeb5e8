"""The first command a newcomer types."""

from __future__ import annotations

import signal
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from children import Start
from click.testing import CliRunner, Result

from genbench import registry, runs
from genbench.cli import main
from genbench.quickstart import steps
from genbench.reference_models import catalogue
from genbench.results.store import Store
from genbench.runs import RunState

REFERENCES = [entry.name for entry in catalogue.entries()]


class Page(HTMLParser):
    """Counts tags and collects what would be fetched."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]


def quickstart(out: Path, *options: str) -> Result:
    result = CliRunner().invoke(main, ["quickstart", "--out", str(out), *options])
    assert result.exit_code == 0, result.output
    return result


def test_what_it_trains_ends_fully_grown() -> None:
    """By images, so on any machine."""
    names = steps.trainable()
    assert {"pca", "introvae", "vae"} <= set(names)
    for name in names:
        declared = registry.model(name)
        settings = declared.settings(**declared.presets[steps.PRESET].settings)
        model = runs.outline(name, settings, steps.RESOLUTION)
        last = model.stage(model.total(10_000) - 1)
        assert (last.resolution, last.alpha) == (steps.RESOLUTION, 1.0), name


@pytest.mark.slow
def test_it_measures_every_row_and_reports(tmp_path: Path) -> None:
    result = quickstart(tmp_path, "--models", "pca")

    records = Store(tmp_path / "results").read()
    assert {record.model for record in records} == {*REFERENCES, "pca", "real images", "mean image"}
    contenders = [record for record in records if not record.anchor]
    assert all(record.value is not None for record in contenders), contenders
    page = Page((tmp_path / "report" / "report.html").read_text(encoding="utf-8"))
    assert page.tags.count("table") >= 1
    assert page.tags.count("img") >= 3
    assert all(source.startswith(("data:", "#")) for source in page.sources)
    lines = result.stdout.splitlines()
    assert lines[-4] == "next:"
    assert lines[-5].startswith(f"report: {tmp_path / 'report' / 'report.html'}")
    assert any(line.startswith("Balanced Pioneer (reference) reconstructs") for line in lines)

    again = quickstart(tmp_path, "--models", "pca")

    assert Store(tmp_path / "results").read() == records  # nothing is measured twice
    assert again.stdout.splitlines()[:-5] == lines[:-5]


@pytest.mark.slow
def test_interrupted_it_goes_on_where_it_was(start: Start, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "genbench", "quickstart", "--out", str(tmp_path)]
    child = start(*command, "--models", "vae")
    child.until((tmp_path / "runs" / "vae" / "tensorboard").is_dir)  # it minds signals by then
    child.send(signal.SIGINT)

    assert child.end() == 130
    assert "Traceback" not in child.err
    run = runs.read(tmp_path / "runs" / "vae")
    assert run.state is RunState.INTERRUPTED
    before = run.facts["seen"]

    wanted = steps.Quickstart(tmp_path, ["vae"], "cpu")
    found = steps.collect(wanted)

    assert [each.name for each in found] == [*REFERENCES, "vae"]
    assert found[-1].id == run.id
    assert found[-1].state is RunState.FINISHED
    assert found[-1].facts["seen"] == 30_000 > before
