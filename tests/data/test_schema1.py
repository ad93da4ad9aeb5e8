"""Data sets that were known by fingerprints over sentences are known again."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from without_words import without_words

from genbench.data import cache, inventory, open_dataset, schema1, stream
from genbench.data.prepare import fingerprint
from genbench.data.sources import (
    _collection,
    _digits,
    _in_memory,
    celeba,
    celeba_hq,
    svhn,
    toyfaces,
)
from genbench.interfaces import Recipe

# As the last version that hashed sentences gave it: `genbench data prepare toyfaces:600 32`.
TOYFACES = "67641738169d8c079e3f7e3c5c81c8494033aca2a6862228060ad58c85de3787"


def test_a_data_set_of_before_is_known_again(tmp_path: Path) -> None:
    """Golden."""
    data = open_dataset("toyfaces:600", 32, cache_dir=tmp_path)

    assert data.old_fingerprint == TOYFACES
    assert data.fingerprint != TOYFACES
    assert data.known_as(TOYFACES)
    assert data.known_as(data.fingerprint)
    assert not data.known_as(None)
    assert not data.known_as("ab" * 32)


def test_what_was_decoded_before_is_not_decoded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry as it was written then: sentences in key, description and fingerprint."""
    new = open_dataset("toyfaces:60", 8, cache_dir=tmp_path)
    (folder,) = (tmp_path / "data").glob("toyfaces*/")
    about = json.loads((folder / "dataset.json").read_text())
    source = toyfaces.ToyFaces("toyfaces:60", 60)
    sentences = schema1.recipe(about["recipe"])
    key = cache._key(source, source.stamp(), sentences, 8, "refuse")
    about |= {"recipe": sentences, "key": key, "fingerprint": fingerprint(about, sentences)}
    (folder / "dataset.json").write_text(json.dumps(about))
    folder.rename(folder.with_name(f"toyfaces-60-8-{key[:16]}"))
    monkeypatch.setattr(cache, "prepare", lambda *_: pytest.fail("it is decoded again"))

    old = open_dataset("toyfaces:60", 8, cache_dir=tmp_path)

    assert (old.fingerprint, old.old_fingerprint) == (new.fingerprint, new.old_fingerprint)
    assert about["fingerprint"] == new.old_fingerprint
    assert old.train.take(slice(None)).equal(new.train.take(slice(None)))
    assert [inventory.verify(entry) for entry in inventory.entries(tmp_path / "data")] == [None]


RECIPES = [
    toyfaces.ToyFaces.recipe,
    _collection.RECIPE,
    _digits.RECIPE,
    *(_in_memory.recipe(rule) for rule in svhn.RULES.values()),
    *(
        Recipe("short-side-centre-128", "none", rule)
        for rule in (celeba.OFFICIAL, celeba.BY_NUMBER)
    ),
    *(Recipe("square-as-it-is", celeba_hq.RESIZE, rule) for rule in celeba_hq.RULES.values()),
    Recipe("centre-square", "none", "official-validation-is-test", checked=stream.CHECKED),
]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: f"{recipe.crop} {recipe.split}")
def test_recipes_are_codes_and_every_code_has_words(recipe: Recipe) -> None:
    assert not list(without_words(recipe.describe()))


def test_no_two_codes_of_a_field_said_the_same() -> None:
    """Else two recipes of today would have one fingerprint of schema 1."""
    for sentences in schema1.SENTENCES.values():
        assert not [
            pair for pair in itertools.combinations(sentences.values(), 2) if len({*pair}) < 2
        ]


def test_sentences_of_other_peoples_sources_stay() -> None:
    mine = Recipe(crop="my own crop", resize="none", split="every third", channels="RGB")

    assert schema1.recipe(mine.describe()) == mine.describe()
    assert schema1.sentence("crop", "short-side-centre-64") == "short side to 64, centre square 64"
