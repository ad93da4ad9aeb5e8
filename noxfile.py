"""Every check of the project.

`nox` runs what a change must pass, `nox -s all` also what takes longer, `nox -s bench` measures.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "uv"
nox.options.sessions = ["lint", "types", "tests", "wheel", "docs"]

CODE = (
    "genbench",
    "baselines",
    "metrics",
    "reports",
    "examples",
    "tests",
    "benchmarks",
    "noxfile.py",
)
TYPED = ("genbench", "baselines", "metrics", "reports", "examples", "tests")
FIRST, LAST = 11, 29  # Python 3.11 is what pyproject.toml wants; the end is far ahead
PASSED_ON = ("GENBENCH_WEIGHTS", "GENBENCH_DATA", "GENBENCH_CACHE", "CHROMIUM")


def environment() -> dict[str, str]:
    # uv installs no bytecode. Where Python may keep none either, each process that a test starts
    # translates all of torch: seconds that most of them do not take otherwise.
    kept = {"PYTHONDONTWRITEBYTECODE": ""}
    return kept | {name: os.environ[name] for name in PASSED_ON if name in os.environ}


def interpreters() -> list[str]:
    """Other versions of Python on the PATH, such as 3.13. A shim that leads nowhere is none."""
    found = []
    for minor in range(FIRST, LAST):
        program = shutil.which(f"python3.{minor}")
        if program and minor != sys.version_info.minor:
            started = subprocess.run([program, "-c", ""], capture_output=True, check=False)
            found += [f"3.{minor}"] if started.returncode == 0 else []
    return found


OTHERS = interpreters()
BEYOND = ("slow", "lowest", *(f"python-{version}" for version in OTHERS))


@nox.session
def lint(session: nox.Session) -> None:
    """Style, imports, formatting."""
    session.install("--group", "lint")
    session.run("ruff", "check", *CODE)
    session.run("ruff", "format", "--check", *CODE)


@nox.session
def types(session: nox.Session) -> None:
    """mypy --strict over what is shipped; in the tests, the names and calls that exist."""
    session.install("-e", ".", "--group", "types")
    session.run("mypy", *TYPED)


@nox.session
def tests(session: nox.Session) -> None:
    """The quick tests, with the newest versions of everything."""
    session.install("-e", ".", "--group", "test", "--group", "parallel")
    run_tests(session, "not slow")


@nox.session(default=False)
def slow(session: nox.Session) -> None:
    """The tests that take more than ten seconds: kills, several processes, whole trainings."""
    session.install("-e", ".", "--group", "test", "--group", "parallel")
    run_tests(session, "slow")


@nox.session(default=False)
def lowest(session: nox.Session) -> None:
    """The quick tests again, with the oldest versions that pyproject.toml allows."""
    groups = ("--group", "test", "--group", "parallel")
    session.install("--resolution", "lowest-direct", "-e", ".", *groups)
    run_tests(session, "not slow")


@nox.session(default=False, python=OTHERS)
def python(session: nox.Session) -> None:
    """The quick tests again, with each other Python that is found here."""
    session.install("-e", ".", "--group", "test", "--group", "parallel")
    run_tests(session, "not slow")


def run_tests(session: nox.Session, marked: str) -> None:
    # Tests compute on one thread, so each core has a process of its own; a file's tests stay
    # together, since they share what their first one has trained.
    workers = ("-n", "auto", "--maxprocesses", "8", "--dist", "loadfile")
    session.run("pytest", *workers, "-m", marked, *session.posargs, env=environment())


@nox.session
def docs(session: nox.Session) -> None:
    """The command reference is the help of today, and what a page points to is there."""
    session.install("-e", ".", "--group", "runner")
    session.run("pytest", "tests/docs", *session.posargs, env=environment())


@nox.session(name="all", default=False, venv_backend="none")
def everything(session: nox.Session) -> None:
    """All of the above and the wheel: the slow tests, the oldest versions, every Python."""
    for name in (*nox.options.sessions, *BEYOND):
        session.notify(name)


# Run in the installed wheel: loads every module and every plug-in, and renders every report, since
# templates and weights are data, which a wheel can lose without losing a module.
LOAD_EVERYTHING = """
import importlib, json, pkgutil
import genbench
import torch
from genbench.features import load
from genbench.published import rows
from genbench.reference_models.catalogue import entries, zoo
from genbench.registry import KINDS, plugins
from genbench.tables.table import Document
modules = [module.name for module in pkgutil.walk_packages(genbench.__path__, "genbench.")]
for name in modules:
    if not name.endswith(("__main__", "_reference")):
        importlib.import_module(name)
for kind in KINDS:
    for plugin in plugins(kind).values():
        plugin.load()
for plugin in plugins("report").values():
    plugin.load().render(Document(title="t"))
assert rows()
assert [zoo(entry.name, device="cpu") for entry in entries()]
load("toynet", weights_dir=None, device=torch.device("cpu"))
print(json.dumps({KINDS[k].package: [p.module for p in plugins(k).values()] for k in KINDS}))
"""


@nox.session
def wheel(session: nox.Session) -> None:
    """The built wheel, installed elsewhere, loads every plug-in that the tree has."""
    session.install("build")
    target = Path(session.create_tmp()) / "dist"
    session.run("python", "-m", "build", "--wheel", "--outdir", str(target), silent=True)
    built = max(target.glob("*.whl"), key=lambda file: file.stat().st_mtime)
    session.install(str(built))
    with session.chdir(session.create_tmp()):
        printed = str(session.run("python", "-c", LOAD_EVERYTHING, silent=True))
        session.run("genbench", "list")
    for package, loaded in json.loads(printed.splitlines()[-1]).items():
        lost = sorted(set(modules_in(package)) ^ set(loaded))
        if lost:
            session.error(f"the wheel and the tree differ in {package}: {lost}")


def modules_in(package: str) -> list[str]:
    """Names of the plug-ins that the tree has for a package of the installed genbench."""
    names = package.split(".")
    folder = Path(*names[1:] if Path(names[1]).is_dir() else names)
    return sorted(f"{package}.{file.stem}" for file in folder.glob("[!_]*.py"))


@nox.session(default=False)
def commands(session: nox.Session) -> None:
    """Make docs/commands.md anew from the help of the commands; a test tells when it is due."""
    session.install("-e", ".")
    with Path("docs/commands.md").open("w", encoding="utf-8") as target:
        session.run("python", "-m", "genbench.cli._reference", stdout=target)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Speed and memory beside other libraries; prints ratios, asserts nothing."""
    session.install("-e", ".", "--group", "reference")
    scripts = [file for file in Path("benchmarks").glob("[!_]*.py") if file.stem != "learn"]
    for script in sorted(scripts):
        session.run("python", str(script), *session.posargs, env=environment())


@nox.session(default=False)
def learn(session: nox.Session) -> None:
    """Train every model for a few minutes and measure what it has learned; well over an hour."""
    session.install("-e", ".", "--group", "reference")
    session.run("python", "benchmarks/learn.py", *session.posargs, env=environment())
