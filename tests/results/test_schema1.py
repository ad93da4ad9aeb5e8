"""Tables of before: read as they were written, told apart from what is written today.

data/schema1.json was exported by the last version that hashed sentences: six scores of two models.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from made_up import column

from genbench.cli import main
from genbench.errors import BadInput
from genbench.results import export
from genbench.results.diff import reasons
from genbench.results.protocol import Protocol, from_json
from genbench.results.record import Record
from genbench.results.store import Store
from genbench.tables.build import build
from genbench.tables.compare import Scale, hold
from genbench.tables.footnotes import fields
from genbench.tables.select import best, choose
from genbench.tables.table import Table

FILE = Path(__file__).parent / "data" / "schema1.json"
IDS = {"rmse": "6563ba23c6b7", "fid_768": "2ff4c8ca0dd4", "ppl_face": "4bad0dbcc4ed"}


def old() -> list[Record]:
    return export.load(FILE)


def renewed(record: Record) -> Record:
    """The same number, measured today under what comes nearest to its protocol."""
    was = from_json(str(record.protocol))
    protocol: Protocol = dataclasses.replace(was, schema=2)
    return dataclasses.replace(
        record,
        time="2030-01-01T00:00:00+00:00",
        protocol=protocol.canonical(),
        protocol_id=protocol.id,
    )


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments])


def test_protocols_keep_their_text_and_their_id() -> None:
    for record in old():
        protocol = from_json(str(record.protocol))

        assert (protocol.schema, protocol.canonical()) == (1, record.protocol)
        assert protocol.id == record.protocol_id
    assert {r.score: r.protocol_id for r in old() if r.score in IDS} == IDS


def test_a_table_of_before_is_whole_and_travels(tmp_path: Path) -> None:
    table, again = tmp_path / "t", tmp_path / "again.json"

    assert run("table", "--table", table, "import", FILE).exit_code == 0
    done = run("table", "--table", table, "verify")
    assert run("table", "--table", table, "export", again).exit_code == 0

    assert done.stdout == "12 records: every id, every digest and every protocol holds\n"
    assert {r.id for r in export.load(again)} == {r.id for r in old()}
    assert {r.id for r in Store(table).read()} == {r.id for r in old()}


def test_footnotes_of_before_say_what_they_said_and_the_schema() -> None:
    (table,) = build(old(), column)
    notes = {title: note for note in table.footnotes for title in note.titles}
    said = " ".join([*table.notes, *(note.text for note in table.footnotes)])

    assert "schema 1" in said
    assert {note.fields[0] for note in table.footnotes} == {("schema", "1")}
    assert "kept mean and covariance, divisor n - 1" in notes["FID_768"].text
    assert "60 held out (test)" in notes["RFID_768"].text
    assert "crop face box: of 8 parts, rows 3 to 7, columns 2 to 6" in notes["PPL_FACE"].text
    assert "blocks of 64 rows, one generator each" in said
    assert ("looks.pairs.kept", "mean squared error of each pair, grey levels of 0..255") in notes[
        "RMSE"
    ].fields


def test_fields_of_today_say_their_schema_once() -> None:
    record = renewed(old()[0])
    found = fields(from_json(str(record.protocol)))

    assert found[0] == ("schema", "2")
    assert [name for name, _ in found].count("schema") == 1


def test_numbers_of_two_schemas_never_share_a_column() -> None:
    """Even where every other field is the same."""
    both = [*old(), *map(renewed, old())]
    table: Table
    (table,) = build(both, column)

    assert len(table.columns) == 12
    assert len({head.protocol_id for head in table.columns}) == 12
    apart = {clause for note in table.footnotes for clause in note.differs}
    assert {clause.partition(",")[0] for clause in apart} == {"schema is 1"}


def test_numbers_of_two_schemas_are_not_ranked_or_compared() -> None:
    first, second = (
        next(r for r in old() if (r.model, r.score) == (m, "rmse")) for m in ["pca", "vae"]
    )
    chosen = choose([first, renewed(second)])

    with pytest.raises(BadInput, match=r"in different ways: schema is 1 and 2"):
        best(chosen.values, lower_is_better=True)
    (contest,) = hold(chosen, [Scale("rmse", True)], [r.key for r in (first, second)])
    assert contest.found is None
    assert contest.apart == ("schema is 1, in vae it is 2",)


def test_a_difference_of_schemas_is_one_reason() -> None:
    record = old()[0]

    assert reasons(record, renewed(record)) == ["another protocol: schema 1 -> 2"]


def test_a_schema_that_is_not_known_is_refused() -> None:
    plain = {**json.loads(str(old()[0].protocol)), "schema": 3}

    with pytest.raises(ValueError, match="it is of schema 3, known are 1 to 2"):
        from_json(json.dumps(plain))
