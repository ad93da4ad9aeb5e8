"""Tables that travel: differences with reasons, merging, files, and whether a table is whole."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from array import array
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from children import Start, all_done
from click.testing import CliRunner, Result
from deltalake import write_deltalake
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import LARGER, RECIPE, recorded

from genbench.cli import main
from genbench.errors import BadInput, BadSetting
from genbench.results import export, merge
from genbench.results.diff import reasons
from genbench.results.record import Record, to_row
from genbench.results.store import SCHEMA, Store

FORMS = ("parquet", "csv", "json")
MINUS_NAN = array("f", b"\x00\x00\xc0\xff")[0]  # what 0 / 0 gives on x86; little end first


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


def at(minute: int) -> str:
    return f"2030-01-01T00:{minute:02}:00+00:00"


def odd() -> list[Record]:
    """Records with everything that a careless form would lose."""
    return [
        recorded(1 / 3, spread=5e-324, values=[0.1, float("nan"), MINUS_NAN, -0.0, 3.4e38]),
        recorded(None, time=at(1), reason='a "quoted", odd\r\nreason\t\x00', model="=SUM(A1)"),
        recorded(2.0, time=at(2), note="", model="", provenance={"a": [1, {"b": None}], "ü": 1e-9}),
        recorded(-0.0, time=at(3), low=-1e308, high=1e308, n=2**53 + 1, anchor=True, values=[]),
        recorded(None, time=at(4), reason='"json"', model="-1", run="+1", spread_over="@x"),
    ]


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
