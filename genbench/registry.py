"""Finds plug-ins by name, without loading them.

A plug-in is one file: a model in baselines/, a metric in metrics/, a report in reports/, a data
set in genbench/data/sources/, a feature network in genbench/features/. Its file name is its public
name, and it ends with its declaration. Plug-ins of other distributions come by entry point, which
names their declaration, and are called ``distribution/name``.
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

from genbench.errors import BadPlugin, BadSetting, UnknownName, nearest, unknown
from genbench.interfaces import Metric, Model, Network, Report, Source


@dataclass(frozen=True)
class Kind:
    """A kind of plug-in: where its files stand, and how they declare themselves."""

    package: str  # of the files of this distribution
    group: str  # of the entry points of others
    declaration: str  # the name at the end of a file
    wanted: type  # of the declaration
    dashes: bool = False  # a file a_b is called a-b


KINDS = {
    "model": Kind("genbench.baselines", "genbench.models", "MODEL", Model),
    "metric": Kind("genbench.metrics", "genbench.metrics", "METRIC", Metric),
    "report": Kind("genbench.reports", "genbench.reports", "REPORT", Report),
    "dataset": Kind("genbench.data.sources", "genbench.datasets", "SOURCE", Source, dashes=True),
    "feature": Kind("genbench.features", "genbench.features", "NETWORK", Network),
}


@dataclass(frozen=True)
class Plugin:
    """A plug-in that has been found but not loaded."""

    kind: str
    name: str
    module: str
    file: Path | None = None  # its source, where that is known without importing it
    entry: EntryPoint | None = None  # of the others

    def load(self) -> Any:
        """Import it and return its declaration; of others, the object of the entry point.

        Raises:
            BadPlugin: it cannot be imported, or declares something else.
        """
        kind = KINDS[self.kind]
        if self.entry is None:
            declared = vars(self.open()).get(kind.declaration)
        else:
            try:
                declared = self.entry.load()
            except Exception as error:  # a stranger's module fails in any way
                raise BadPlugin(
                    f"{self.name} cannot be loaded: {type(error).__name__}: {error}; "
                    f"see the entry point {self.entry.value} of {kind.group}"
                ) from error
        if not isinstance(declared, kind.wanted):
            where = self.module if self.entry is None else self.entry.value
            raise BadPlugin(
                f"{self.name}: {where} declares a {type(declared).__name__}, wanted a "
                f"genbench.interfaces.{kind.wanted.__name__}: "
                f"{kind.declaration} = {kind.wanted.__name__}(...)"
            )
        return declared

    def open(self) -> ModuleType:
        """The imported module, for its docstring and for tests of its functions."""
        return importlib.import_module(self.module)

    def summary(self) -> str:
        """First line of the docstring, read without importing."""
        try:
            text = self.file.read_text(encoding="utf-8") if self.file is not None else ""
            doc = ast.get_docstring(ast.parse(text))
        except (OSError, SyntaxError, ValueError):  # of a stranger; loading it says what is wrong
            doc = None
        if not doc:
            return "" if self.entry is None else f"from {self.module}"
        first = doc.splitlines()[0]
        return first if first.isprintable() else ascii(first)


def plugins(kind: str) -> dict[str, Plugin]:
    """Every plug-in of a kind by public name: ours in alphabetical order, then the guests."""
    own = {plugin.name: plugin for plugin in _own(kind)}
    guests = {plugin.name: plugin for plugin in _guests(kind)}
    return dict(sorted(own.items())) | dict(sorted(guests.items()))


def plugin(kind: str, name: str) -> Plugin:
    """The plug-in of that name.

    Raises:
        UnknownName: nobody knows it; the message has the nearest name.
    """
    known = plugins(kind)
    if name not in known:
        raise unknown(kind, name, known)
    return known[name]


def model(name: str) -> Model[Any]:
    """What the model of that name declares.

    Raises:
        UnknownName: no such model.
        BadPlugin: it declares something else.
    """
    found: Model[Any] = plugin("model", name).load()
    return found


def declarations(kind: str) -> tuple[dict[str, Any], dict[str, str]]:
    """What all plug-ins of a kind declare, and why those of others declare nothing, by name.

    A broken package of somebody else takes away nothing but itself.

    Raises:
        BadPlugin: one of ours is broken.
    """
    found, broken = {}, {}
    for name, each in plugins(kind).items():
        try:
            found[name] = each.load()
        except BadPlugin as error:
            if each.entry is None:
                raise
            broken[name] = str(error)
    return found, broken


def models() -> dict[str, Model[Any]]:
    """What every model declares that can be loaded, by public name."""
    return declarations("model")[0]


def metric(name: str) -> Metric:
    """A metric by the name users give it: "fid", or "fid:768" for a variant.

    Raises:
        UnknownName: no such metric.
        BadSetting: no such variant of it.
        BadPlugin: it declares something else.
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


def network(name: str) -> Network:
    """The declaration of a feature network.

    Raises:
        UnknownName: there is no such network.
        BadPlugin: it declares something else.
    """
    found: Network = plugin("feature", name).load()
    return found


def packages() -> list[str]:
    """Packages that hold plug-ins: ours, then the top-level ones of other distributions."""
    guests = {plugin.module.partition(".")[0] for kind in KINDS for plugin in _guests(kind)}
    return [kind.package for kind in KINDS.values()] + sorted(guests)


def _own(kind: str) -> list[Plugin]:
    package = KINDS[kind].package
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise UnknownName(f"the package {package} is not installed; reinstall genbench")
    files = sorted(Path(spec.submodule_search_locations[0]).glob("[!_]*.py"))
    return [
        Plugin(
            kind,
            file.stem.replace("_", "-") if KINDS[kind].dashes else file.stem,
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
            file=_source(entry.module),
            entry=entry,
        )
        for entry in entry_points(group=KINDS[kind].group)
    ]


def _source(module: str) -> Path | None:
    """The file of a stranger's module; its package is looked up and not imported."""
    top, *rest = module.split(".")
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if not rest:
        return Path(spec.origin) if spec.has_location and spec.origin else None
    for folder in spec.submodule_search_locations or ():
        for file in (Path(folder, *rest).with_suffix(".py"), Path(folder, *rest, "__init__.py")):
            if file.is_file():
                return file
    return None
