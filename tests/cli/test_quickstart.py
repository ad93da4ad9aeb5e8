"""The first command a newcomer types."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from genbench import runs
from genbench.cli import main
from genbench.results.store import Store

pytestmark = pytest.mark.slow


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


def test_it_trains_measures_and_reports(tmp_path: Path) -> None:
    """Two models for some seconds; a Pioneer that has not grown up is said to be so."""
    out = tmp_path / "q"
    result = CliRunner().invoke(main, ["quickstart", "--out", str(out), "--minutes", "0.1"])

    assert result.exit_code == 0, result.output
    found = Store(out / "results").read()
    assert {"pca", "pioneer", "real images", "mean image"} <= {record.model for record in found}
    assert all(r.value is not None for r in found if r.model == "pca" and r.metric == "rmse")
    reasons = {r.reason for r in found if r.model == "pioneer" and r.reason}
    assert any("the data are (3, 32, 32)" in reason for reason in reasons)
    page = Page((out / "report" / "report.html").read_text(encoding="utf-8"))
    assert page.tags.count("table") >= 1
    assert page.tags.count("img") >= 3
    assert all(source.startswith(("data:", "#")) for source in page.sources)
    assert str(out / "report" / "report.html") in result.stdout
    assert "next:" in result.stderr


def test_interrupted_it_goes_on_where_it_was(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "genbench",
        "quickstart",
        "--out",
        str(tmp_path / "q"),
        "--models",
        "pioneer",
        "--minutes",
        "5",
    ]
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "q" / "runs" / "pioneer" / "tensorboard").is_dir():
        assert child.poll() is None
        time.sleep(0.1)
    time.sleep(1)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)

    assert child.returncode == 130
    assert "Traceback" not in said
    run = runs.read(tmp_path / "q" / "runs" / "pioneer")
    assert run.status == "interrupted by SIGINT"
    before = run.facts["seen"]
    result = CliRunner().invoke(main, [*command[3:-1], "0.05"])
    assert result.exit_code == 0, result.output
    assert runs.read(run.folder).facts["seen"] > before
