"""One name is one run, whichever command is given it."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from made_up import recorded
from run_folders import run_folder

from genbench import runs
from genbench.cli import main
from genbench.errors import BadInput
from genbench.results.store import Store
from genbench.runtime.paths import as_path

RUNS = Path("runs")


@pytest.fixture
def _two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name x is a run in runs/ and another one here; "away" and "here" are one run each."""
    monkeypatch.chdir(tmp_path)
    for place in ("runs/x", "x", "runs/away", "here"):
        run_folder(Path(place), id=f"of {place}")


@pytest.mark.usefixtures("_two")
@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("away", "runs/away"),
        ("here", "here"),
        ("runs/x", "runs/x"),
        ("./x", "x"),
        ("x/", "x"),
        (Path("x"), "x"),  # a path of Python is a path
        (Path("runs/x"), "runs/x"),
    ],
)
def test_a_path_is_its_folder_and_a_name_a_run(name: str | Path, found: str) -> None:
    assert runs.find(name, RUNS).id == f"of {found}"
    assert runs.find(str(Path(found).resolve()), RUNS).id == f"of {found}"


@pytest.mark.usefixtures("_two")
def test_a_run_of_package_and_model_is_found_where_it_lies_one_folder_deeper() -> None:
    run_folder(Path("runs/package/model-faces-32"), id="deep")

    assert [run.id for run in runs.list_all(RUNS)].count("deep") == 1
    assert runs.find("package/model-faces-32", RUNS).id == "deep"
    run_folder(Path("package/model-faces-32"), id="here")
    assert runs.find("package/model-faces-32", RUNS).id == "here"  # a path is its folder


@pytest.mark.usefixtures("_two")
def test_inside_a_run_folder_a_dot_is_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("runs/away")
    assert runs.find(".", Path("..")).id == "of runs/away"


@pytest.mark.usefixtures("_two")
def test_one_folder_by_two_ways_is_one_run() -> None:
    Path("again").symlink_to("runs/away")
    Path("runs/again").symlink_to("away")
    assert runs.find("again", RUNS).id == "of runs/away"
    assert runs.find("x", Path()).id == "of x"


@pytest.mark.usefixtures("_two")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("awai", r"no run is called 'awai' in runs. Did you mean away\? See: genbench runs"),
        ("./away", "away is not a run: there is no such folder; see: genbench runs"),
        ("runs/here", "runs/here is not a run: there is no such folder; see: genbench runs"),
        ("x", r"'x' is two runs, runs/x and ./x; give the path of the one that is meant"),
    ],
)
def test_what_is_no_run_or_two_is_said(name: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        runs.find(name, RUNS)


@pytest.mark.usefixtures("_two")
@pytest.mark.parametrize(
    "command",
    [
        "runs compare x away",
        "card x",
        "figure samples x",
        "figure side-by-side x away",
        "figure training x",
        "train --resume x",
        "train --resume x --slurm",
        "train proggan_l1 --preset tiny --data toyfaces:60 --resolution 8 --from x",
        "evaluate --models x --metrics rmse",
        "report --training x",
    ],
)
def test_no_command_takes_one_name_for_two_runs(command: str) -> None:
    Store("results").append([recorded(1.0)])
    result = CliRunner().invoke(main, shlex.split(command))

    assert result.exit_code == 2, result.output
    assert "'x' is two runs, runs/x and ./x; give the path of the one that is meant" in (
        result.stderr
    )
    assert len(result.stderr.splitlines()) == 1


def test_a_bare_folder_is_spelled_as_a_path() -> None:
    assert as_path(Path("x")) == "./x"
    assert as_path(Path("runs/x")) == "runs/x"
    assert as_path(Path("/runs")) == "/runs"


def test_a_run_says_in_a_line_what_it_is(tmp_path: Path) -> None:
    run = runs.read(run_folder(tmp_path / "mine", state="stopped", reason="after 5 minutes"))

    assert (
        repr(run) == f"<Run {tmp_path / 'mine'}: pca at 32x32, stopped after 5 minutes, 60 images>"
    )
