"""Finds plug-ins by name, without loading them.

A room is one file: a model in baselines/, a metric in metrics/, a report in reports/, a
data set in genbench/data/sources/. Its file name is its public name. Plug-ins of other
distributions come by entry point and are called ``distribution/name``.
"""

from __future__ import annotations

import ast
import importlib
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from genbench.errors import BadSetting, UnknownName, nearest, unknown
from genbench.interfaces import Metric

PACKAGES = {
    "model": "genbench.baselines",
    "metric": "genbench.metrics",
    "report": "genbench.reports",
    "dataset": "genbench.data.sources",
}
GROUPS = {
    "model": "genbench.models",
    "metric": "genbench.metrics",
    "report": "genbench.reports",
    "dataset": "genbench.datasets",
}
# The name of the declaration at the end of a file.
DECLARATIONS = {"model": "MODEL", "metric": "METRIC", "report": "REPORT", "dataset": "SOURCE"}
KINDS = tuple(PACKAGES)


@dataclass(frozen=True)
class Plugin:
    """A room that has been found but not opened."""

    kind: str
    name: str
    module: str
    file: Path | None = None  # of the plug-ins of this distribution
    entry: EntryPoint | None = None  # of the others

    def load(self) -> Any:
        """Import it and return what it declares; of others, the object of the entry point."""
        if self.entry is not None:
            return self.entry.load()
        return getattr(self.open(), DECLARATIONS[self.kind])

    def open(self) -> ModuleType:
        """The imported module, for its public functions."""
        return importlib.import_module(self.module)

    def summary(self) -> str:
        """First line of the docstring, read without importing."""
        if self.file is None:
            return f"from {self.module}"
        doc = ast.get_docstring(ast.parse(self.file.read_text(encoding="utf-8")))
        return doc.splitlines()[0] if doc else ""


def plugins(kind: str) -> dict[str, Plugin]:
    """Every room of a kind, by public name: ours in alphabetical order, then the guests."""
    own = {plugin.name: plugin for plugin in _own(kind)}
    guests = {plugin.name: plugin for plugin in _guests(kind)}
    return dict(sorted(own.items())) | dict(sorted(guests.items()))


def plugin(kind: str, name: str) -> Plugin:
    """The room of that name.

    Raises:
        UnknownName: nobody knows it; the message has the nearest name.
    """
    known = plugins(kind)
    if name not in known:
        raise unknown(kind, name, known)
    return known[name]


def metric(name: str) -> Metric:
    """A metric by the name users give it: "fid", or "fid:768" for a variant.

    Raises:
        UnknownName: no such metric.
        BadSetting: no such variant of it.
    """
    base, _, variant = name.partition(":")
    found: Metric = plugin("metric", base).load()
    if not variant:
        return found
    if variant not in found.variants:
        known = ", ".join(f"{base}:{each}" for each in found.variants) or "none"
        raise BadSetting(
            f"{base} has no variant {variant!r}.{nearest(variant, found.variants)} Known: {known}"
        )
    return found.variants[variant]


def _own(kind: str) -> list[Plugin]:
    package = PACKAGES[kind]
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise UnknownName(f"the package {package} is not installed; reinstall genbench")
    files = sorted(Path(spec.submodule_search_locations[0]).glob("[!_]*.py"))
    return [
        Plugin(
            kind,
            file.stem.replace("_", "-") if kind == "dataset" else file.stem,
            f"{package}.{file.stem}",
            file=file,
        )
        for file in files
    ]


def _guests(kind: str) -> list[Plugin]:
    return [
        Plugin(
            kind,
            f"{entry.dist.name if entry.dist else 'unknown'}/{entry.name}",
            entry.module,
            entry=entry,
        )
        for entry in entry_points(group=GROUPS[kind])
    ]
