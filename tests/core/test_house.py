"""The rules of the house: who may import whom, and what loads when."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parents[2]
ROOMS = ("baselines", "metrics", "reports")

# Floors from the bottom up. An import points to a lower floor, or stays in its own module
# or package. A name stands for the module or for the whole package.
FLOORS = (
    ("errors", "interfaces"),
    (
        "files", "places", "images", "progress", "registry", "settings", "protocol", "record",
        "seeds", "bootstrap", "devices", "distributed", "weights", "provenance",
        "numbers", "significance", "comparable", "footnotes", "contests", "tables",
        "scratch", "merging", "group", "watch", "published", "adapters", "pyramid",
        "changes", "audit", "against",
    ),
    ("data", "features", "evidence", "store", "checkpoints", "runs", "figures"),
    ("training", "evaluation", "contracts", "cards", "importing", "reporting",
     "exchange", "joining", "runcards", "reproduction", "runlists"),
    ("cli",),
)  # fmt: skip
# Steps between neighbours of one floor, lower one first.
STEPS = {
    "settings": {"registry"},
    "provenance": {"registry"},
    "weights": {"places", "files", "progress"},
    "images": {"files"},
    "bootstrap": {"seeds"},
    "tables": {"record", "comparable", "contests", "footnotes", "numbers", "significance"},
    "against": {"tables", "published", "footnotes"},
    "contests": {"record", "protocol", "comparable", "footnotes", "significance"},
    "comparable": {"record", "protocol"},
    "footnotes": {"protocol", "record", "numbers"},
    "runs": {"checkpoints", "data"},
    "training": {"evaluation"},
    "runlists": {"training"},
    "figures": {"data", "runs"},
    "importing": {"training"},
    "runcards": {"cards", "reporting"},
    "reproduction": {"training", "evaluation", "reporting"},
    "changes": {"protocol", "record"},
    "audit": {"protocol", "record"},
    "scratch": {"places", "files"},
    "merging": {"scratch"},
    "group": {"distributed", "merging", "scratch", "seeds"},
    "watch": {"images"},
}


def floor(module: str) -> int:
    for level, names in enumerate(FLOORS):
        if module in names:
            return level
    raise AssertionError(f"genbench.{module} stands on no floor; add it to FLOORS")


def imports(file: Path) -> Iterator[str]:
    """Dotted names of everything a file imports, relative ones with their dots."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            if base == "genbench":
                yield from (f"genbench.{alias.name}" for alias in node.names)
            else:
                yield base


def core_files() -> list[Path]:
    return sorted((TREE / "genbench").rglob("*.py"))


def room_files() -> list[Path]:
    return sorted(file for folder in ROOMS for file in (TREE / folder).glob("*.py"))


def own_name(file: Path) -> str:
    first = file.relative_to(TREE / "genbench").parts[0]
    return first.removesuffix(".py")


@pytest.mark.parametrize("file", core_files(), ids=lambda f: str(f.relative_to(TREE)))
def test_core_imports_point_down(file: Path) -> None:
    me = own_name(file)
    if me in ("__init__", "__main__"):
        return
    for name in imports(file):
        if not name.startswith("genbench."):
            continue
        other = name.split(".")[1]
        if other == me:
            continue
        below = floor(other) < floor(me) or other in STEPS.get(me, set())
        assert below, f"{file.name} imports genbench.{other}, which is not below it"


@pytest.mark.parametrize("file", core_files(), ids=lambda f: str(f.relative_to(TREE)))
def test_core_names_no_room(file: Path) -> None:
    """Only the registry knows where rooms are, and it finds them by listing."""
    for name in imports(file):
        assert not name.startswith(tuple(f"genbench.{room}" for room in ROOMS)), name
        assert not name.startswith("genbench.data.sources.") or "sources" in file.parts, name


@pytest.mark.parametrize("file", room_files(), ids=lambda f: str(f.relative_to(TREE)))
def test_rooms_import_the_core_and_their_siblings_only(file: Path) -> None:
    for name in imports(file):
        assert not name.startswith(ROOMS), f"{name}: siblings are imported relatively"
        assert not name.startswith(tuple(f"genbench.{room}" for room in ROOMS)), name
        if name.startswith("genbench."):
            assert floor(name.split(".")[1]) < 2, f"{name} is not below the rooms"
        if name.startswith("."):
            assert not name.startswith(".."), "rooms do not reach out of their folder"


def test_steps_between_neighbours_make_no_circle() -> None:
    import graphlib

    tuple(graphlib.TopologicalSorter(STEPS).static_order())


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["list"], ["train", "--help"], ["evaluate", "-h"], ["data", "prepare", "--help"]],
)
def test_help_loads_neither_torch_nor_numpy(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from genbench.cli import main\n"
        f"main({arguments!r}, standalone_mode=False)\n"
        "heavy = {'torch', 'numpy', 'pandas', 'deltalake'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_import_of_the_package_is_light() -> None:
    code = "import sys, genbench; assert not {'torch', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_nothing_unpickles_or_loads_unsafely() -> None:
    """No pickle, no yaml.load, no torch.load without weights_only, no np.load that allows it."""
    for file in [*core_files(), *room_files()]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            call, words = ast.unparse(node.func), ast.unparse(node)
            assert call not in {"pickle.load", "pickle.loads", "yaml.load"}, f"{file}: {words}"
            if call == "torch.load":
                assert "weights_only=True" in words, f"{file}: {words}"
            if call == "np.load":
                assert "allow_pickle=True" not in words, f"{file}: {words}"
