"""The results table: versions, history, differences, many writers."""

from __future__ import annotations

import subprocess
import sys
from array import array
from pathlib import Path
from typing import Any

import pytest

from genbench.errors import BadInput
from genbench.results.record import Record
from genbench.results.store import SCHEMA, Store


def record(value: float | None, time: str = "t0", **other: Any) -> Record:
    fields: dict[str, Any] = {
        "evaluation": "e",
        "model": "m",
        "run": "r",
        "dataset": "d",
        "resolution": 32,
        "metric": "fid",
        "score": "fid",
        "protocol": "{}",
        "protocol_id": "p",
        "provenance": {"seconds": 1.5, "git": None},
    }
    return Record(value=value, time=time, **{**fields, **other})


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    rows = [record(1 / 3, spread=0.1, n=7), record(None, reason="no weights", protocol=None)]

    Store(tmp_path / "t").append(rows)

    found = Store(tmp_path / "t").read()
    assert sorted(found, key=lambda r: r.id) == sorted(rows, key=lambda r: r.id)


def test_records_come_back_in_the_order_in_which_they_were_measured(tmp_path: Path) -> None:
    rows = [record(float(k), score=f"score {k}") for k in range(40)]
    Store(tmp_path / "t").append(rows)

    assert [r.score for r in Store(tmp_path / "t").read()] == [r.score for r in rows]


def test_one_append_is_one_version_and_old_versions_stay(tmp_path: Path) -> None:
    store = Store(tmp_path / "t")

    assert [store.append([record(float(k), f"t{k}")], f"run {k}") for k in range(3)] == [0, 1, 2]

    assert [len(store.read(version)) for version in range(3)] == [1, 2, 3]
    assert [(c.version, c.records, c.command) for c in store.history()] == [
        (2, 1, "run 2"),
        (1, 1, "run 1"),
        (0, 1, "run 0"),
    ]


def test_diff_tells_added_and_changed_numbers(tmp_path: Path) -> None:
    store = Store(tmp_path / "t")
    store.append([record(1.0, "t0"), record(5.0, "t0", model="same")])
    store.append([record(2.0, "t1"), record(3.0, "t1", model="new")])

    changes = store.diff(0, 1)

    assert [(c.kind, c.record.model) for c in changes] == [("changed", "m"), ("added", "new")]
    assert (changes[0].before, changes[0].after) == (record(1.0, "t0"), record(2.0, "t1"))
    assert [(c.kind, c.record.model) for c in store.diff(1, 0)] == [
        ("changed", "m"),
        ("removed", "new"),
    ]


def test_a_number_under_another_protocol_is_another_number(tmp_path: Path) -> None:
    store = Store(tmp_path / "t")
    store.append([record(1.0)])
    store.append([record(2.0, "t1", protocol_id="q")])

    assert [c.kind for c in store.diff(0, 1)] == ["added"]


def test_missing_table_and_version_are_named(tmp_path: Path) -> None:
    store = Store(tmp_path / "t")
    with pytest.raises(BadInput, match="holds no results table"):
        store.read()
    store.append([record(1.0)])
    with pytest.raises(BadInput, match="has versions 0 to 0, not 4"):
        store.read(4)


def test_ids_of_older_tables_stay() -> None:
    """As computed by the version before records had intervals and values."""
    old = record(1 / 3, "t", spread=0.1, spread_over="std", n=7, provenance={"git": None})

    assert old.id == "efbb0f57f8d7f931"


def test_values_are_part_of_what_a_record_is() -> None:
    one, two = record(1.0, values=[0.5, 1.5]), record(1.0, values=[0.25, 1.75])

    assert one.id != two.id != record(1.0).id
    assert one != two
    assert record(1.0, values=[0.1, 1.9]) == record(1.0, values=[0.1, 1.9])


def test_a_table_without_values_is_read_and_added_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one written before there were any: such columns appear at the next commit."""
    import pyarrow as pa

    from genbench.results import store

    table = Store(tmp_path / "t")
    old = pa.schema(
        [f for f in store.SCHEMA if f.name not in ("low", "high", "values_digest", "values")]
    )
    with monkeypatch.context() as patch:
        patch.setattr(store, "SCHEMA", old)
        table.append([record(1.0)])
    assert table.read(values=True) == [record(1.0)]

    new = record(2.0, "t1", low=1.5, high=2.5, values=[1.0, 3.0])
    table.append([new])

    assert table.read() == [record(1.0), new]
    assert [r.values for r in table.read(values=True)] == [None, array("f", [1.0, 3.0])]
    assert table.read(0, values=True) == [record(1.0)]


def test_a_folder_may_have_blanks_and_accents(tmp_path: Path) -> None:
    store = Store(tmp_path / "a b é")
    store.append([record(1.0, values=[1.0])])

    assert store.read(values=True) == [record(1.0, values=[1.0])]


@pytest.mark.slow
def test_a_process_that_has_read_a_table_ends_well(tmp_path: Path) -> None:
    """Threads of arrow's dataset reader aborted every second process at its end."""
    Store(tmp_path / "t").append([record(1.0)])
    read = f"Store({str(tmp_path / 't')!r}).read(values=True)"
    code = f"from genbench.results.store import Store; {read}"

    assert [subprocess.run([sys.executable, "-c", code]).returncode for _ in range(8)] == [0] * 8


def test_the_table_has_the_columns_that_its_files_have_always_had() -> None:
    """They follow from the fields of a record; files on disk do not."""
    assert [(f.name, str(f.type), f.nullable) for f in SCHEMA] == [
        ("id", "string", False),
        ("evaluation", "string", False),
        ("time", "string", False),
        ("model", "string", False),
        ("run", "string", False),
        ("dataset", "string", False),
        ("resolution", "int64", False),
        ("metric", "string", False),
        ("score", "string", False),
        ("value", "double", True),
        ("spread", "double", True),
        ("spread_over", "string", True),
        ("n", "int64", True),
        ("reason", "string", True),
        ("note", "string", True),
        ("anchor", "bool", False),
        ("protocol", "string", True),
        ("protocol_id", "string", True),
        ("provenance", "string", False),
        ("low", "double", True),
        ("high", "double", True),
        ("values_digest", "string", True),
        ("content", "string", True),
        ("values", "list<item: float>", True),
    ]
