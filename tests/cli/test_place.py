"""genbench.toml, -q and -v: what is usual in a place, and how much is said."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from made_up import recorded
from run_folders import run_folder

from genbench.cli import _place, main
from genbench.results.store import Store


def run(line: str) -> Result:
    return CliRunner().invoke(main, shlex.split(line))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a run and a table in folders of other names, and a folder below it."""
    (tmp_path / "project" / "below").mkdir(parents=True)
    project = tmp_path / "project"
    (project / ".git").mkdir()
    run_folder(project / "trained" / "mine")
    Store(project / "numbers").append([recorded(30.0, spread=1.0)], "evaluate")
    (project / "genbench.toml").write_text(
        'runs = "trained"\ntable = "numbers"\ndata_dir = "images"\ncache = "cache"\n'
    )
    monkeypatch.chdir(project / "below")
    for key in _place.KEYS.values():
        if key.variable:
            monkeypatch.delenv(key.variable, raising=False)
    return project


def test_it_is_found_above_and_its_paths_are_relative_to_it(place: Path) -> None:
    assert "mine" in run("runs").stdout
    assert "mine" in run("runs list").stdout
    assert "evaluate" in run("table history").stdout
    assert f"prepared, in {place / 'cache' / 'data'}" in run("data list").stdout
    assert "GENBENCH_CACHE" not in os.environ  # for the command only


def test_the_command_line_counts_more_than_the_environment_and_that_more_than_the_file(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "no runs in elsewhere" in run("runs --runs elsewhere").stderr
    assert "no runs in elsewhere" in run("runs list --runs elsewhere").stderr
    monkeypatch.setenv("GENBENCH_CACHE", str(tmp_path / "mine"))
    assert f"prepared, in {tmp_path / 'mine' / 'data'}" in run("data list").stdout


def test_an_error_says_that_the_value_came_from_the_file(place: Path) -> None:
    file = place / "genbench.toml"
    file.write_text('table = "lost"\n')

    result = run("table history")

    assert result.exit_code == 2
    assert result.stderr.endswith(f"; table = '{place / 'lost'}' stands in {file}\n")
    assert "stands in" not in run("table history --table t2").stderr


def test_verbose_says_where_values_come_from(place: Path) -> None:
    for line in ("-v table history", "table -v history", "table history -v"):
        said = run(line).stderr
        assert f"table_dir = {place / 'numbers'}  (from {place / 'genbench.toml'})" in said
        assert f"data_dir = {place / 'images'}  (from {place / 'genbench.toml'})" in said
        assert "took " in said
    assert "Traceback" in run("table -v --table lost").stderr
    assert "Traceback" not in run("table --table lost").stderr


@pytest.mark.parametrize("line", ["-q {}", "{} -q"])
def test_quiet_leaves_results_and_errors(place: Path, line: str) -> None:
    loud, quiet = run("table export out.csv"), run(line.format("table export out.csv"))
    assert loud.stdout == quiet.stdout == "out.csv\n"
    assert (loud.stderr, quiet.stderr) == ("1 records\n", "")

    wrong = run(line.format("table history --table lost"))
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("genbench: lost holds no results table")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            b'run = "x"',
            "has a key 'run', which nobody knows. Did you mean runs? Known: runs, table",
        ),
        (b"runs = 3", "runs in {} wants a string in quotes, got 3"),
        (b'runs = ""', "runs in {} wants a string in quotes, got ''"),
        (b'resolution = "32"', "resolution in {} wants a whole number, got '32'"),
        (b"resolution = true", "resolution in {} wants a whole number, got True"),
        (b"loggers = [1]", "loggers in {} wants a list of strings, got [1]"),
        (b"runs = [", "{} cannot be read: "),
        (b"\xff\xfe", "{} cannot be read: 'utf-8' codec"),
        (b"a = " + b"[" * 30_000, "{} cannot be read: "),
        (b"#" * 70_000, "{} is larger than 65536 bytes"),
        (b'runs = "\x00"', "{} cannot be read: "),
        (b'runs = "\\u0000"', "runs in {} wants a string in quotes"),
    ],
)
def test_a_damaged_or_hostile_file_is_one_clear_line(
    place: Path, content: bytes, words: str
) -> None:
    file = place / "genbench.toml"
    file.write_bytes(content)

    result = run("runs")

    assert result.exit_code == 2
    assert words.format(file) in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_it_is_not_looked_for_above_a_repository_or_the_home_folder(tmp_path: Path) -> None:
    home, inside = tmp_path / "home", tmp_path / "home" / "work" / "deep"
    (inside / "repository" / ".git").mkdir(parents=True)
    (tmp_path / "genbench.toml").touch()

    assert _place.find(inside, home) is None
    assert _place.find(tmp_path, home) == tmp_path / "genbench.toml"
    (home / "genbench.toml").touch()
    assert _place.find(inside, home) == home / "genbench.toml"
    assert _place.find(inside / "repository", home) is None
    (inside / "genbench.toml").mkdir()  # a folder of that name is no such file
    assert _place.find(inside, home) == home / "genbench.toml"


def test_data_of_the_file_are_those_of_train_alone(place: Path) -> None:
    (place / "faces").mkdir()
    (place / "genbench.toml").write_text('data = "folder:faces"\nresolution = 16\ndevice = "cpu"\n')
    found = _place.read(place / "genbench.toml")

    assert found.defaults("train") == {
        "data": f"folder:{place / 'faces'}",
        "resolution": 16,
        "device": "cpu",
    }
    assert found.defaults("evaluate") == {"device": "cpu"}


def test_training_takes_them_and_says_so_in_the_run(place: Path) -> None:
    (place / "genbench.toml").write_text(
        'runs = "r"\ndata = "toyfaces:60"\nresolution = 16\nloggers = []\n'
    )

    result = run("train pca --preset tiny --name one --device cpu")

    assert result.exit_code == 0, result.output
    assert result.stdout == f"{place / 'r' / 'one'}\n"
    folder = place / "r" / "one"
    settings = json.loads((folder / "settings.json").read_text())["training"]
    assert settings["data"] == {"value": "toyfaces:60", "source": "genbench.toml"}
    assert settings["resolution"] == {"value": 16, "source": "genbench.toml"}
    assert settings["loggers"] == {"value": [], "source": "genbench.toml"}
    assert settings["device"] == {"value": "cpu", "source": "command line"}
    assert not (folder / "tensorboard").exists()
    # What a run was begun with is not set anew by what is usual here.
    assert "cannot change" not in run("train --resume one").stderr


def test_an_unknown_logger_is_named(place: Path) -> None:
    result = run("train pca --data toyfaces:60 --resolution 16 --loggers wandb")

    assert result.exit_code == 2
    assert "has 'wandb', which nobody knows. Known: tensorboard; none turns" in result.stderr
