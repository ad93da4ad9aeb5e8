"""What --json prints: nothing but one object, with keys that docs/json.md lists."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from made_up import LARGER, RECIPE, recorded
from run_folders import run_folder

from genbench.cli import main
from genbench.results.store import Store

PAGE = Path(__file__).resolve().parents[2] / "docs" / "json.md"


def run(line: str) -> Result:
    return CliRunner().invoke(main, shlex.split(line))


def read(line: str) -> Any:
    """The object, which alone is on standard output and has no NaN in it."""
    result = run(line)
    assert result.exit_code == 0, result.output

    def refuse(word: str) -> Any:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(result.stdout, parse_constant=refuse)


def documented(heading: str) -> set[str]:
    """Keys that the page lists under a heading, as `key`."""
    text = PAGE.read_text(encoding="utf-8")
    section = re.search(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert section is not None, heading
    return set(re.findall(r"^\| *`([a-z_]+)`", section[1], re.M))


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of two versions and two protocols, and two runs."""
    monkeypatch.chdir(tmp_path)
    values = [1.0, 2.0, 4.0, 3.0, 5.0]
    store = Store("results")
    store.append(
        [
            recorded(30.0, spread=1.0, values=values),
            recorded(None, metric="ppl", score="ppl", reason="it has no path"),
        ],
        "evaluate",
    )
    shifted = [value + 1 for value in values]
    store.append(
        [recorded(31.0, model="b", time="2030-01-02T00:00:00+00:00", spread=1.0, values=shifted)],
        "evaluate",
    )
    store.append(
        [recorded(9.0, LARGER, model="c", time="2030-01-03T00:00:00+00:00", spread=1.0)], "evaluate"
    )
    run_folder(tmp_path / "runs" / "one")
    run_folder(tmp_path / "runs" / "two", resolution=64, state="stopped", reason="after 1 minutes")


def test_the_table_is_its_newest_numbers() -> None:
    found = read("table --json")

    assert found.keys() == documented("genbench table")
    assert found["version"] == 2
    assert {(r["model"], r["score"], r["value"]) for r in found["records"]} == {
        ("a", "fid", 30.0),
        ("b", "fid", 31.0),
        ("c", "fid", 9.0),
        ("a", "ppl", None),
    }
    for record in found["records"]:
        assert record.keys() == documented("A record")
    assert found["records"][0]["fingerprint"] == RECIPE.fingerprint
    assert read("table --version 0 --json")["version"] == 0


@pytest.mark.parametrize(
    ("line", "heading"),
    [
        ("table history", "genbench table history"),
        ("table diff 0 1", "genbench table diff"),
        (f"table protocol {RECIPE.id[:6]}", "genbench table protocol"),
        ("table compare", "genbench table compare"),
        ("table verify", "genbench table verify"),
        ("table export out.csv", "genbench table export"),
        ("runs", "genbench runs"),
        ("runs list", "genbench runs"),
        ("runs compare one two", "genbench runs compare"),
        ("list", "genbench list"),
        ("data list", "genbench data list"),
        ("train pca --data toyfaces:60 --resolution 8 --plan", "genbench train --plan"),
        ("zoo list", "genbench zoo list"),
    ],
)
def test_keys_are_documented(line: str, heading: str) -> None:
    assert read(f"{line} --json").keys() == documented(heading)


def test_reference_models_are_listed_with_their_numbers() -> None:
    for model in read("zoo list --json")["models"]:
        assert model.keys() == documented("A reference model")
        assert model["numbers"]


def test_a_comparison_has_tests_and_what_was_refused() -> None:
    found = read("table compare --json --models a,b,c")

    (test,) = found["tests"]
    assert test.keys() == documented("A test")
    assert (test["a"]["model"], test["b"]["model"]) == ("a", "b")
    assert test["difference"] == pytest.approx(-1.0)
    assert {(each["a"]["model"], each["b"]["model"]) for each in found["refused"]} == {
        ("a", "c"),
        ("b", "c"),
    }
    assert all(each["differ"] for each in found["refused"])


def test_runs_have_their_state_and_data() -> None:
    one, two = read("runs --json")["runs"]

    assert one.keys() == documented("A run")
    assert (two["name"], two["resolution"], two["state"], two["best"]) == (
        "two",
        64,
        "stopped",
        None,
    )
    assert read("runs --runs nowhere --json")["runs"] == []


def test_a_damaged_table_ends_with_1_and_says_so_in_json(tmp_path: Path) -> None:
    bad = recorded(1.0, protocol_id="0" * 12)
    Store(tmp_path / "bad").append([bad])

    result = run("table verify --table bad --json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)["faults"]


@pytest.mark.parametrize("line", ["history", "diff 0 1", "compare", "verify"])
def test_options_of_a_group_may_stand_behind_the_command(tmp_path: Path, line: str) -> None:
    (tmp_path / "results").rename(tmp_path / "t2")

    before, behind = run(f"table --table t2 {line}"), run(f"table {line} --table t2")

    assert before.exit_code == behind.exit_code == 0, behind.output
    assert before.stdout == behind.stdout
    # Behind the command counts, where both are there.
    assert run(f"table --table nowhere {line} --table t2").stdout == before.stdout


def test_options_of_other_groups_too(tmp_path: Path) -> None:
    (tmp_path / "runs").rename(tmp_path / "r2")

    assert run("runs list --runs r2").stdout == run("runs --runs r2").stdout
    assert run("runs compare one two --runs r2").stdout.splitlines()
    places = [run(f"data {line}").stdout for line in ("--data-dir d list", "list --data-dir d")]
    assert places[0] == places[1]


def test_a_version_that_would_be_ignored_is_refused() -> None:
    result = run("table --version 0 history")

    assert result.exit_code == 2
    assert "--version before history would be of the printed table" in result.stderr


def test_nothing_that_can_be_compared_is_exit_code_1(tmp_path: Path) -> None:
    Store(tmp_path / "lone").append([recorded(30.0)])

    result = run("table compare --table lone")

    assert result.exit_code == 1
    assert result.stderr == (
        "genbench: there are no two models with one score; measure more: genbench evaluate\n"
    )


@pytest.mark.parametrize("kind", ["metric", "model", "report", "dataset", "feature"])
def test_kinds_are_listed_in_the_singular_and_in_the_plural(kind: str) -> None:
    assert run(f"list {kind}").stdout == run(f"list {kind}s").stdout != ""
    assert list(read(f"list {kind} --json")) == [f"{kind}s"]
