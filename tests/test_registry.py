"""Plug-ins are found by name without being loaded."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from genbench import registry
from genbench.errors import BadPlugin, UnknownName

TREE = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("kind", registry.KINDS)
def test_every_plugin_loads_and_says_what_it_is(kind: str) -> None:
    for name, plugin in registry.plugins(kind).items():
        assert plugin.load() is not None, name
        assert plugin.summary(), f"{name} has no docstring"


FOLDERS = {
    "model": "baselines",
    "metric": "metrics",
    "report": "reports",
    "dataset": "genbench/data/sources",
    "feature": "genbench/features",
}


@pytest.mark.parametrize("kind", registry.KINDS)
def test_a_new_file_is_a_new_plugin(kind: str) -> None:
    """What the files say is what the registry says: nothing else has to be edited."""
    files = {file.stem for file in (TREE / FOLDERS[kind]).glob("[!_]*.py")}
    assert {name.replace("-", "_") for name in registry.plugins(kind)} == files


@pytest.mark.parametrize(
    ("kind", "asked", "words"),
    [
        ("model", "poineer", "no model is called 'poineer'. Did you mean pioneer?"),
        ("metric", "fd", "Did you mean fid?"),
        ("dataset", "celeb", "Did you mean celeba?"),
        ("feature", "incepton", "no feature is called 'incepton'. Did you mean inception?"),
        ("report", "zzz", "no report is called 'zzz'. See: genbench list report"),
    ],
)
def test_an_unknown_name_gets_the_nearest_one(kind: str, asked: str, words: str) -> None:
    with pytest.raises(UnknownName) as caught:
        registry.plugin(kind, asked)

    assert words in str(caught.value)


class Distribution:
    name = "their-package"


class Entry:
    """An entry point of another distribution."""

    dist, name = Distribution(), "mine"

    def __init__(self, value: str, group: str) -> None:
        self.value, self.group = value, group
        self.module = EntryPoint(self.name, value, group).module

    def load(self) -> object:
        return EntryPoint(self.name, self.value, self.group).load()


@pytest.fixture
def guest(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], registry.Plugin]:
    """The plug-in of a kind that an entry point of another distribution leads to."""

    def find(kind: str, value: str) -> registry.Plugin:
        wanted = registry.KINDS[kind].group
        monkeypatch.setattr(
            registry,
            "entry_points",
            lambda group: [Entry(value, group)] if group == wanted else [],
        )
        return registry.plugin(kind, "their-package/mine")

    return find


DECLARED = {
    "model": "genbench.baselines.pca:MODEL",
    "metric": "genbench.metrics.fid:METRIC",
    "report": "genbench.reports.csv:REPORT",
    "dataset": "genbench.data.sources.mnist:SOURCE",
    "feature": "genbench.features.inception:NETWORK",
}


@pytest.mark.parametrize("kind", DECLARED)
def test_a_plugin_of_another_distribution_has_its_name_in_front(
    kind: str, guest: Callable[[str, str], registry.Plugin]
) -> None:
    found = guest(kind, DECLARED[kind])

    assert isinstance(found.load(), registry.KINDS[kind].wanted)
    assert found.summary()
    assert list(registry.plugins(kind))[-1] == "their-package/mine"
    assert "genbench" in registry.packages()


@pytest.mark.parametrize("kind", DECLARED)
def test_a_wrong_object_is_told_in_one_line(
    kind: str, guest: Callable[[str, str], registry.Plugin]
) -> None:
    wanted = registry.KINDS[kind].wanted.__name__

    with pytest.raises(BadPlugin) as caught:
        guest(kind, "math:tau").load()

    assert str(caught.value) == (
        f"their-package/mine: math:tau declares a float, wanted a genbench.interfaces.{wanted}: "
        f"{registry.KINDS[kind].declaration} = {wanted}(...)"
    )


@pytest.mark.parametrize("kind", DECLARED)
def test_a_broken_package_takes_nothing_else_away(
    kind: str, guest: Callable[[str, str], registry.Plugin]
) -> None:
    guest(kind, "no_such_module:METRIC")

    found, broken = registry.declarations(kind)

    assert list(broken) == ["their-package/mine"]
    assert "cannot be loaded: ModuleNotFoundError" in broken["their-package/mine"]
    assert found.keys() == registry.plugins(kind).keys() - broken.keys()


@pytest.mark.parametrize("value", ["math:nothing", "no_such_module:METRIC"])
def test_an_entry_point_that_leads_nowhere_is_named(
    value: str, guest: Callable[[str, str], registry.Plugin]
) -> None:
    with pytest.raises(BadPlugin, match=rf"see the entry point {value} of genbench\.metrics"):
        guest("metric", value).load()


def test_a_stranger_that_fails_at_import_is_told_in_one_line(
    guest: Callable[[str, str], registry.Plugin],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "fails_at_import.py").write_text("raise RuntimeError('no driver')\n")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(BadPlugin) as caught:
        guest("metric", "fails_at_import:METRIC").load()

    assert str(caught.value) == (
        "their-package/mine cannot be loaded: RuntimeError: no driver; see the entry point "
        "fails_at_import:METRIC of genbench.metrics"
    )


def test_a_file_without_its_declaration_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadPlugin, match=r"^mine: math declares a NoneType, wanted a .*METRIC = M"):
        registry.Plugin("metric", "mine", "math", file=tmp_path / "mine.py").load()


def test_plugins_are_never_top_level_names(tmp_path: Path) -> None:
    """Thousands of repositories have a folder metrics/; ours must not stand before theirs."""
    code = (
        "import importlib.util as u; import genbench.registry as r; r.plugins('metric');"
        "assert all(u.find_spec(n) is None for n in ('metrics', 'baselines', 'reports'))"
    )
    subprocess.run([sys.executable, "-P", "-c", code], check=True, cwd=tmp_path)


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        ('"""What it is.\n\nMore."""\nraise RuntimeError\n', "What it is."),
        ('"""Red \\x1b[31m."""\n', r"'Red \x1b[31m.'"),
        ("no docstring\n", "from quiet_package.mine"),
        ("tau = 1\n", "from quiet_package.mine"),
    ],
)
def test_what_a_stranger_is_can_be_read_without_importing_it(
    text: str,
    summary: str,
    guest: Callable[[str, str], registry.Plugin],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    package = tmp_path / "quiet_package"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (package / "mine.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)

    assert guest("metric", "quiet_package.mine:METRIC").summary() == summary
