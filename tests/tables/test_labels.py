"""Rows of one name are called by what tells them apart."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from made_up import LARGER, only, recorded

from genbench.results.record import Record
from genbench.runtime.paths import told_apart
from genbench.tables.labels import labels


def called(*records: Record) -> list[str]:
    return list(labels(records).values())


def fakes(place: str, content: str, **changes: Any) -> Record:
    about = {"model": "fakes", "run": f"folder:{content}", "content": content}
    return recorded(1.0, **about | changes, provenance={"place": place})


def weights(content: str, seen: int | None, **changes: Any) -> Record:
    return recorded(1.0, content=content, provenance={"seen": seen}, **changes)


def test_a_name_that_one_thing_has_is_enough() -> None:
    assert called(fakes("ganA/fakes", "a"), recorded(1.0)) == ["fakes", "a"]


def test_folders_are_called_by_the_shortest_ends_of_their_places() -> None:
    assert called(fakes("x/ganA/fakes", "a"), fakes("/y/ganB/fakes", "b")) == [
        "ganA/fakes",
        "ganB/fakes",
    ]


def test_a_folder_that_was_filled_anew_is_called_by_its_content() -> None:
    found = called(fakes("x/fakes", "a"), fakes("x/fakes", "b"))

    assert found == ["fakes (folder:a)", "fakes (folder:b)"]


def test_weights_of_a_run_are_called_by_the_images_that_they_have_seen() -> None:
    assert called(weights("v", 1000), weights("w", 2500)) == [
        "a (1,000 images)",
        "a (2,500 images)",
    ]


def test_weights_of_a_run_that_nothing_else_tells_apart_are_called_by_their_digest() -> None:
    found = called(weights("v" * 16, 1000), weights("w" * 16, 1000), recorded(2.0))

    assert found == [
        "a (run-a, weights vvvvvvvv)",
        "a (run-a, weights wwwwwwww)",
        "a (run-a, weights not recorded)",
    ]


def test_runs_of_one_name_are_called_by_their_ids() -> None:
    assert called(recorded(1.0, run="r"), recorded(1.0, run="s")) == ["a (r)", "a (s)"]


def test_no_label_is_there_twice_whatever_somebody_has_called_a_model() -> None:
    found = called(
        fakes("ganA/fakes", "a"), fakes("ganB/fakes", "b"), fakes("", "a", model="ganA/fakes")
    )

    assert found == ["fakes (folder:a)", "ganB/fakes", "ganA/fakes (folder:a)"]


def test_what_was_known_by_its_weights_alone_stays_in_its_row() -> None:
    """Tables of before had them in the provenance, and no field for the content."""
    before = recorded(1.0, provenance={"weights": "v"})
    after = recorded(2.0, LARGER, content="v", provenance={"weights": "v"})

    (row,) = only(before, after).rows
    assert {cell.value for cell in row.cells} == {1.0, 2.0}


part = st.sampled_from(["a", "b", "c"])


@given(st.lists(st.lists(part, min_size=1, max_size=4).map(lambda parts: PurePath(*parts))))
def test_ends_of_paths_are_ends_and_as_different_as_the_paths(places: list[PurePath]) -> None:
    ends = told_apart(places)

    for place, end in zip(places, ends, strict=True):
        assert place.parts[-len(PurePath(end).parts) :] == PurePath(end).parts
    assert len(set(ends)) == len(set(places))
