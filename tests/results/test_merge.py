"""Tables that travel: differences with reasons, merging, and whether a table is whole."""

from __future__ import annotations

import dataclasses
import shutil
import sys
from array import array
from pathlib import Path

import pyarrow as pa
import pytest
from children import Start, all_done
from click.testing import CliRunner, Result
from deltalake import write_deltalake
from made_up import LARGER, RECIPE, at, odd, recorded

from genbench.cli import main
from genbench.errors import BadInput
from genbench.results import merge
from genbench.results.diff import reasons
from genbench.results.record import to_row
from genbench.results.store import SCHEMA, Store


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


# --- reasons


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"protocol": LARGER.canonical(), "protocol_id": LARGER.id},
            [
                "another protocol: images.real 10000 -> 50000",
                "another protocol: images.samples 10000 -> 50000",
            ],
        ),
        ({"run": "second"}, ["another thing of this name: run-a -> second"]),
        (
            {
                "provenance": {
                    "seed": 0,
                    "git": "abc",
                    "weights": "w0",
                    "networks": {"a": {"f": "1"}},
                }
            },
            ["another file of a feature network: not recorded -> a f 1"],
        ),
        ({"provenance": {"seed": 1, "git": "abc", "weights": "w0"}}, ["another seed: 0 -> 1"]),
        (
            {"provenance": {"seed": 0, "git": "def+", "weights": "w0"}},
            ["another code: abc -> def+"],
        ),
        (
            {"provenance": {"seed": 0, "git": "abc", "weights": "w1"}},
            ["another weights of the run: w0 -> w1"],
        ),
        ({"provenance": {"git": "abc", "weights": "w0"}}, ["another seed: 0 -> not recorded"]),
        ({"value": None, "reason": "no weights"}, ["it could not be measured again: no weights"]),
        ({}, ["measured again; nothing that is recorded differs"]),
    ],
)
def test_a_difference_has_its_reason(change: dict[str, object], said: list[str]) -> None:
    before = recorded(1.0, provenance={"seed": 0, "git": "abc", "weights": "w0"})

    assert reasons(before, dataclasses.replace(before, time=at(1), **change)) == said  # type: ignore[arg-type]


def test_diff_prints_changed_and_new_numbers_with_reasons(tmp_path: Path) -> None:
    store = Store(tmp_path / "t")
    store.append([recorded(1.0, provenance={"seed": 0})])
    store.append(
        [
            recorded(2.0, time=at(1), provenance={"seed": 7}),
            recorded(3.0, LARGER, time=at(2), provenance={"seed": 7}),
        ]
    )

    lines = run("table", "--table", store.folder, "diff", 0, 1).stdout.splitlines()

    kinds = {line.split()[0] for line in lines if line[0] != " "}
    assert kinds == {"added", "changed"}
    text = "\n".join(lines)
    assert "1 -> 2  [protocol " + RECIPE.id in text
    assert "another seed: 0 -> 7" in text
    assert f"beside 1 [protocol {RECIPE.id}]" in text
    assert "another protocol: images.samples 10000 -> 50000" in text


# --- merging


def test_merging_is_a_union_by_id_in_one_commit(tmp_path: Path) -> None:
    mine, other = Store(tmp_path / "mine"), Store(tmp_path / "other")
    shared, *rest = odd()
    mine.append([shared, rest[0]])
    other.append([shared, *rest[1:]])

    done = merge.merge(mine, other)

    assert (done.added, done.known, done.version) == (3, 1, 1)
    assert mine.read() == Store(tmp_path / "mine").read() == [shared, *rest]
    values = {r.id: r.values for r in mine.read(values=True)}
    assert values[shared.id] is not None
    assert values[shared.id].tobytes() == shared.values.tobytes()  # type: ignore[union-attr]
    assert values[rest[2].id] == array("f")
    assert mine.history()[0].command == f"table merge {other.folder}"


def test_merging_again_or_back_adds_nothing(tmp_path: Path) -> None:
    mine, other = Store(tmp_path / "mine"), Store(tmp_path / "other")
    mine.append([recorded(1.0)])
    other.append([recorded(2.0, model="b")])

    merge.merge(mine, other)
    again = merge.merge(mine, other)
    merge.merge(other, mine)

    assert (again.version, again.added, again.known) == (None, 0, 1)
    assert mine.version() == 1
    assert {r.id for r in mine.read()} == {r.id for r in other.read()}


def test_merging_into_nothing_makes_a_table(tmp_path: Path) -> None:
    other = Store(tmp_path / "other")
    other.append(odd())

    assert merge.merge(Store(tmp_path / "new"), other).added == 5
    assert Store(tmp_path / "new").read() == other.read()


def test_a_number_measured_again_is_kept_twice_and_said(tmp_path: Path) -> None:
    mine, other = Store(tmp_path / "mine"), Store(tmp_path / "other")
    mine.append([recorded(1.0), recorded(1.0, model="same", run="here")])
    other.append([recorded(1.25, time=at(5)), recorded(4.0, model="same", run="there")])

    done = run("table", "--table", mine.folder, "merge", other.folder)

    assert done.exit_code == 0, done.output
    assert "measured again: a fid on faces 64x64 is 1 here and 1.25 there" in done.stdout
    assert "another thing of this name: same is here here and there there" in done.stdout
    assert len(mine.read()) == 4


def test_two_merges_at_once_show_every_record_once(tmp_path: Path) -> None:
    """Both read before either writes: the rows are there twice, the records are not."""
    store = Store(tmp_path / "t")
    store.append(odd())
    store.append(odd())

    assert store.read() == odd()
    assert len(store.rows()) == 10
    assert merge.damages(store) == (10, [])


def test_a_table_is_not_merged_with_itself(tmp_path: Path) -> None:
    Store(tmp_path / "t").append([recorded(1.0)])

    with pytest.raises(BadInput, match="is this very table"):
        merge.merge(Store(tmp_path / "t"), Store(tmp_path / "x" / ".." / "t"))


# --- damage


def damaged(folder: Path, **change: object) -> Store:
    """A table in which the second of three rows was changed behind genbench's back."""
    second = recorded(2.0, time=at(1), values=[1.0, 3.0])
    rows = [to_row(record) for record in (recorded(1.0), second, recorded(3.0, time=at(2)))]
    rows[1] |= change
    write_deltalake(str(folder), pa.Table.from_pylist(rows, schema=SCHEMA))
    return Store(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"value": 0.5}, "it says {id}: it was changed afterwards"),
        ({"model": "better"}, "it says {id}: it was changed afterwards"),
        ({"values": [1.0, 2.0]}, "its values have the digest"),
        ({"values": None}, "are missing"),
        ({"protocol": LARGER.canonical()}, "its protocol has the id"),
        ({"provenance": "{"}, "it is no record"),
    ],
)
def test_verify_finds_a_changed_row(tmp_path: Path, change: dict[str, object], words: str) -> None:
    store = damaged(tmp_path / "t", **change)
    name = recorded(2.0, time=at(1), values=[1.0, 3.0]).id

    done = run("table", "--table", store.folder, "verify")

    assert done.exit_code == 1
    assert words.format(id=name) in done.stdout
    assert all(line.startswith(name) for line in done.stdout.splitlines())
    assert "in 3 records of" in done.stderr
    with pytest.raises(BadInput, match=rf"is damaged, record {name}.*nothing was changed"):
        merge.merge(Store(tmp_path / "mine"), store)
    assert not (tmp_path / "mine").exists()


def test_a_damaged_table_takes_nothing_over(tmp_path: Path) -> None:
    other = Store(tmp_path / "other")
    other.append([recorded(9.0)])
    mine = damaged(tmp_path / "mine", value=0.5)

    with pytest.raises(BadInput, match="mine is damaged"):
        merge.merge(mine, other)
    assert mine.version() == 0


def test_verify_says_that_all_is_well(tmp_path: Path) -> None:
    store = Store(tmp_path / "t")
    store.append(odd())

    done = run("table", "--table", store.folder, "verify")

    assert done.exit_code == 0
    assert done.stdout == "5 records: every id, every digest and every protocol holds\n"


def test_a_lost_file_is_one_line(tmp_path: Path) -> None:
    store = Store(tmp_path / "t")
    store.append([recorded(1.0)])
    for file in store.folder.glob("*.parquet"):
        file.write_bytes(b"")

    done = run("table", "--table", store.folder, "verify")

    assert done.exit_code == 2
    assert "is damaged, a file cannot be read" in done.stderr


# --- many writers

WRITER = """
import sys, time
from pathlib import Path
sys.path.insert(0, {shared!r})
from made_up import recorded
from genbench.results.store import Store
while not Path({go!r}).exists():  # so that all of them write at once
    time.sleep(0.01)
for k in range(3):
    values = [float({number}), float(k)]
    Store({table!r}).append([recorded(float(k), model="w{number}", values=values)], "w{number}")
"""


@pytest.mark.slow
def test_eight_processes_at_once_lose_nothing(start: Start, tmp_path: Path) -> None:
    """Eight processes create and fill one table: 24 commits, 24 records, every id and digest."""
    table, go = tmp_path / "t", tmp_path / "go"
    shared = str(Path(__file__).parents[1] / "shared")
    codes = [
        WRITER.format(shared=shared, go=str(go), table=str(table), number=number)
        for number in range(8)
    ]
    writers = [start(sys.executable, "-c", code) for code in codes]
    go.touch()

    all_done(writers)

    store = Store(table)
    assert store.version() == 23
    found = {(r.model, r.value): list(r.values or ()) for r in store.read(values=True)}
    assert found == {(f"w{w}", float(k)): [float(w), float(k)] for w in range(8) for k in range(3)}
    assert merge.damages(store) == (24, [])
    assert [len(store.read(version)) for version in (0, 11, 23)] == [1, 12, 24]
    shutil.rmtree(table)
