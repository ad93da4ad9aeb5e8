"""Records in files: what is written comes back to the bit, and what is changed is refused."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import at, odd, recorded

from genbench.cli import main
from genbench.errors import BadInput, BadSetting
from genbench.results import export
from genbench.results.store import SCHEMA, Store

FORMS = ("parquet", "csv", "json")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


# --- files


@pytest.mark.parametrize("form", FORMS)
def test_what_is_exported_is_imported_to_the_bit(tmp_path: Path, form: str) -> None:
    one, two, file = Store(tmp_path / "one"), Store(tmp_path / "two"), tmp_path / f"t.{form}"
    one.append(odd())

    assert run("table", "--table", one.folder, "export", file).exit_code == 0
    done = run("table", "--table", two.folder, "import", file)

    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(f"5 records of {file} are new, 0 were here already")
    assert two.read() == one.read()
    pairs = zip(one.read(values=True), two.read(values=True), strict=True)
    assert all(
        (a.values is None) == (b.values is None)
        and (a.values is None or bytes(a.values) == bytes(b.values or b""))
        for a, b in pairs
    )
    again = run("table", "--table", two.folder, "import", file)
    assert again.stdout.startswith(f"0 records of {file} are new, 5 were here already")
    assert two.version() == 0


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=40)
@given(data=st.data())
def test_any_text_and_number_comes_back(
    form: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = st.text(st.characters(codec="utf-8"), max_size=12)
    number = st.floats(allow_nan=False, allow_infinity=False)
    rows = [
        recorded(
            data.draw(number),
            model=data.draw(text),
            note=data.draw(st.none() | text),
            run=data.draw(text),
            n=data.draw(st.none() | st.integers(-(2**63), 2**63 - 1)),
            provenance={data.draw(text): data.draw(text)},
            values=data.draw(st.none() | st.lists(st.floats(width=32), max_size=4)),
        )
    ]
    file = tmp_path_factory.getbasetemp() / f"any.{form}"

    export.save(rows, file)

    assert export.load(file) == rows


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", '"', "\t=1", "\r=1"])
def test_no_cell_is_a_formula(tmp_path: Path, name: str) -> None:
    import csv

    export.save([recorded(1.0, model=name)], tmp_path / "t.csv")

    with (tmp_path / "t.csv").open(newline="") as lines:
        cells = list(csv.reader(lines))[1]
    assert not any(cell.startswith(("=", "+", "@", "\t", "\r")) for cell in cells)
    assert not any(cell.startswith("-") and not cell[1:2].isdigit() for cell in cells)


def spoil_json(file: Path, change: Callable[[dict[str, object]], object]) -> None:
    whole = json.loads(file.read_text())
    change(whole["records"][1])
    file.write_text(json.dumps(whole))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r.update(value=0.5), "it was changed afterwards"),
        (lambda r: r.update(value=5), "its value is int, wanted float"),
        (lambda r: r.update(value="1"), "its value is str, wanted float"),
        (lambda r: r.update(model=None), "it has no model"),
        (lambda r: r.update(id="0" * 16), "it says 0000000000000000"),
        (lambda r: r.update(id=["x"]), "it has no id"),
        (lambda r: r.pop("id"), "it has no id"),
        (lambda r: r.update(resolution=10**30), "its resolution is 1e+30, which does not fit"),
        (lambda r: r.update(anchor=1), "its anchor is int, wanted bool"),
        (lambda r: r.update(values="AAAAAAA="), "are not legible"),
        (lambda r: r.update(values="AAAAQA=="), "its values have the digest"),
        (lambda r: r.update(values=7), "are not legible"),
        (lambda r: r.update(provenance=[]), "its provenance is not a mapping"),
    ],
)
def test_a_changed_record_refuses_the_file(
    tmp_path: Path, change: Callable[[dict[str, object]], object], words: str
) -> None:
    file = tmp_path / "t.json"
    export.save([recorded(1.0), recorded(2.0, time=at(1), values=[1.0])], file)
    spoil_json(file, change)

    done = run("table", "--table", tmp_path / "new", "import", file)

    assert done.exit_code == 2, done.output
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"protocol": "[]", "protocol_id": "4f53cda18c2b"}, "not one that this version reads"),
        ({"protocol": "{", "protocol_id": "021fb596db81"}, "not one that this version reads"),
        ({"time": "yesterday"}, "its time 'yesterday' is not one"),
        ({"protocol": None, "protocol_id": None}, "a value but not the protocol of it"),
        ({"protocol_id": "0" * 12}, "its protocol has the id"),
    ],
)
def test_what_no_table_could_show_is_refused_even_with_a_right_id(
    tmp_path: Path, change: dict[str, object], words: str
) -> None:
    """Whoever makes a record up can compute its id too; it must do no harm later."""
    record = dataclasses.replace(recorded(1.0), **change)  # type: ignore[arg-type]
    export.save([record], tmp_path / "t.json")

    with pytest.raises(BadInput, match=words):
        export.load(tmp_path / "t.json")


def test_forged_values_with_a_forged_id_still_need_their_digest(tmp_path: Path) -> None:
    """Who changes the number and its id leaves another record, under an id of its own."""
    file = tmp_path / "t.csv"
    export.save([recorded(1.0)], file)
    file.write_text(file.read_text().replace(recorded(1.0).id, recorded(2.0).id))

    with pytest.raises(BadInput, match=r"record 1 .*its content has the id"):
        export.load(file)


HOSTILE = {
    "empty": b"",
    "noise": bytes(range(256)) * 8,
    "deep": b'{"format": "genbench table", "version": 1, "records": ' + b"[" * 100_000,
    "long number": b'{"format": ' + b"9" * 10_000 + b"}",
    "nan": b'{"format": "genbench table", "version": 1, "records": [{"value": NaN}]}',
    "list": b"[1, 2]",
    "rows that are none": b'{"format": "genbench table", "version": 1, "records": [3]}',
    "one row too short": (",".join(SCHEMA.names) + "\n1,2\n").encode(),
    "open quote": (",".join(SCHEMA.names) + '\n"' + "x" * 200_000).encode(),
    "not parquet": b"PAR1" + b"\xff" * 60 + b"PAR1",
    "a pickle": b"cos\nsystem\n(S'touch hostile'\ntR.",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_one_line(tmp_path: Path, name: str, form: str) -> None:
    (tmp_path / f"t.{form}").write_bytes(HOSTILE[name])

    done = run("table", "--table", tmp_path / "new", "import", tmp_path / f"t.{form}")

    assert done.exit_code == 2, done.output
    assert len(done.stderr.splitlines()) == 1
    assert f"t.{form} holds no table that genbench has exported" in done.stderr
    assert not (tmp_path / "new").exists()


def test_parquet_of_something_else_names_its_columns(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["x"], "price": [1.0]}), tmp_path / "t.parquet")

    with pytest.raises(BadInput, match=r"columns .*price.* missing or too many"):
        export.load(tmp_path / "t.parquet")


def test_missing_files_and_unknown_forms_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"t\.csv cannot be read: No such file"):
        export.load(tmp_path / "t.csv")
    with pytest.raises(BadSetting, match="Did you mean parquet"):
        export.load(tmp_path / "t.parqet")
