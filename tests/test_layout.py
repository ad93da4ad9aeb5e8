"""The rules of the house: who may import whom, and what loads when."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parents[1]
PLUGINS = ("baselines", "metrics", "reports")

# From the bottom up; "|" parts places of one floor, which do not know each other. A module imports
# what stands on lower floors, and its own place.
FLOORS = """
errors
interfaces
published
registry
settings
adapters
runtime
images
distributed
statistics
data
results
accumulators
features
tables
runs
baselines | metrics | reports
reference_models
evaluation
training
contracts
figures
reporting
reproduction
quickstart
cli
"""
LEVELS = {
    place.strip(): level
    for level, line in enumerate(FLOORS.split("\n"))
    for place in line.split("|")
    if place.strip()
}


def floor(place: str) -> int:
    assert place in LEVELS, f"genbench.{place} stands on no floor; add it to FLOORS"
    return LEVELS[place]


def module_of(file: Path) -> str:
    """The dotted name under which a file is imported."""
    parts = file.relative_to(TREE).with_suffix("").parts
    dotted = ".".join(parts if parts[0] == "genbench" else ("genbench", *parts))
    return dotted.removesuffix(".__init__")


def imports(file: Path) -> Iterator[str]:
    """Dotted names of everything a file imports, relative ones made absolute."""
    package = module_of(file).split(".")
    if file.name != "__init__.py":
        package.pop()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def files() -> list[Path]:
    return sorted(
        file for folder in ("genbench", *PLUGINS) for file in (TREE / folder).rglob("*.py")
    )


def place_of(module: str) -> str:
    return module.split(".")[1]


@pytest.mark.parametrize("file", files(), ids=lambda f: str(f.relative_to(TREE)))
def test_imports_point_down(file: Path) -> None:
    if module_of(file) in ("genbench", "genbench.__main__"):
        return
    me = place_of(module_of(file))
    for name in imports(file):
        if not name.startswith("genbench.") or place_of(name) in (me, "__version__"):
            continue
        other = place_of(name)
        assert floor(other) < floor(me), f"{file} imports {name}, which is not below it"


@pytest.mark.parametrize("file", files(), ids=lambda f: str(f.relative_to(TREE)))
def test_the_core_names_no_plugin(file: Path) -> None:
    """Only the registry knows where plug-ins are, and it finds them by listing."""
    mine = module_of(file)
    for name in imports(file):
        for folder in (*(f"genbench.{plugin}" for plugin in PLUGINS), "genbench.data.sources"):
            assert not name.startswith(f"{folder}.") or mine.startswith(folder), name


@pytest.mark.parametrize("folder", PLUGINS)
def test_parts_import_no_plugin(folder: str) -> None:
    """What several plug-ins share stands below all of them."""
    package = f"genbench.{folder}."
    for file in (TREE / folder / "_parts").glob("*.py"):
        for name in imports(file):
            inside = name.startswith(package) and not name.startswith(f"{package}_parts")
            assert not inside, f"{file.name} imports {name}"


@pytest.mark.parametrize("folder", PLUGINS)
def test_plugins_call_their_neighbours_by_relative_names(folder: str) -> None:
    for file in (TREE / folder).rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert f"from genbench.{folder}" not in text, file


def test_modules_of_one_place_make_no_circle() -> None:
    """Neighbours inside a place import each other in one direction only."""
    import graphlib

    known = {module_of(file) for file in files()}
    graph: dict[str, set[str]] = {}
    for file in files():
        me = module_of(file)
        wanted = {name if name in known else name.rpartition(".")[0] for name in imports(file)}
        graph[me] = {name for name in wanted & known if name != me and not me.startswith(name)}
    tuple(graphlib.TopologicalSorter(graph).static_order())


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
    for file in files():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            call, words = ast.unparse(node.func), ast.unparse(node)
            assert call not in {"pickle.load", "pickle.loads", "yaml.load"}, f"{file}: {words}"
            if call == "torch.load":
                assert "weights_only=True" in words, f"{file}: {words}"
            if call == "np.load":
                assert "allow_pickle=True" not in words, f"{file}: {words}"


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_prose_stays_within_100_columns(name: str) -> None:
    lines = (TREE / name).read_text(encoding="utf-8").splitlines()

    assert [number for number, line in enumerate(lines, 1) if len(line) > 100] == []


def test_the_formatter_has_the_last_word() -> None:
    """Not one line is kept from it: whoever edits code need not think of its shape."""
    kept = "fmt: " + "skip", "fmt: " + "off"  # in two pieces, since this file is read too
    for file in (*files(), *(TREE / "tests").rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        assert not any(words in text for words in kept), file


def test_every_package_of_the_tree_is_shipped() -> None:
    """A folder that pyproject.toml does not name works here, and is missing once installed."""
    project = tomllib.loads((TREE / "pyproject.toml").read_text(encoding="utf-8"))
    rooms = project["tool"]["setuptools"]["package-dir"]
    found = {
        name + "".join(f".{part}" for part in file.parent.relative_to(TREE / folder).parts)
        for name, folder in rooms.items()
        for file in (TREE / folder).rglob("__init__.py")
    }

    assert sorted(found) == project["tool"]["setuptools"]["packages"]
