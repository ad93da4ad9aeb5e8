"""Plug-ins are found by name without being loaded."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from genbench import registry
from genbench.errors import UnknownName

TREE = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("kind", registry.KINDS)
def test_every_room_loads_and_says_what_it_is(kind: str) -> None:
    for name, plugin in registry.plugins(kind).items():
        assert plugin.load() is not None, name
        assert plugin.summary(), f"{name} has no docstring"


def test_a_new_file_is_a_new_room() -> None:
    """What the files say is what the registry says: nothing else has to be edited."""
    for folder, kind in [("baselines", "model"), ("metrics", "metric"), ("reports", "report")]:
        files = {file.stem for file in (TREE / folder).glob("[!_]*.py")}
        assert set(registry.plugins(kind)) == files


@pytest.mark.parametrize(
    ("kind", "asked", "words"),
    [
        ("model", "poineer", "no model is called 'poineer'. Did you mean pioneer?"),
        ("metric", "fd", "Did you mean fid?"),
        ("dataset", "celeb", "Did you mean celeba?"),
        ("report", "zzz", "no report is called 'zzz'. See: genbench list report"),
    ],
)
def test_an_unknown_name_gets_the_nearest_one(kind: str, asked: str, words: str) -> None:
    with pytest.raises(UnknownName) as caught:
        registry.plugin(kind, asked)

    assert words in str(caught.value)


def test_a_room_of_another_distribution_has_its_name_in_front(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Distribution:
        name = "their-package"

    class Entry:
        name, module, dist = "mine", "math", Distribution()

        def load(self) -> object:
            return EntryPoint("mine", "math:tau", "genbench.models").load()

    monkeypatch.setattr(registry, "entry_points", lambda group: [Entry()])

    guest = registry.plugin("model", "their-package/mine")

    assert guest.load() == pytest.approx(6.283185307)
    assert "from math" in guest.summary()
    assert "pioneer" in registry.plugins("model")


def test_rooms_are_never_top_level_names(tmp_path: Path) -> None:
    """Thousands of repositories have a folder metrics/; ours must not stand before theirs."""
    code = (
        "import importlib.util as u; import genbench.registry as r; r.rooms('metric');"
        "assert all(u.find_spec(n) is None for n in ('metrics', 'baselines', 'reports'))"
    )
    subprocess.run([sys.executable, "-P", "-c", code], check=True, cwd=tmp_path)
