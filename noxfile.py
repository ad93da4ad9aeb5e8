"""Every check of the project: `nox` runs them all, `nox -s bench` the measurements."""

from __future__ import annotations

import json
import os
from pathlib import Path

import nox

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "uv"
nox.options.sessions = ["lint", "types", "tests", "wheel", "lowest"]

CODE = ("genbench", "baselines", "metrics", "reports", "tests", "benchmarks", "noxfile.py")
TYPED = ("genbench", "baselines", "metrics", "reports")
PASSED_ON = ("GENBENCH_WEIGHTS", "GENBENCH_DATA", "GENBENCH_CACHE", "CHROMIUM")


def environment() -> dict[str, str]:
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ}


@nox.session
def lint(session: nox.Session) -> None:
    """Style, imports, formatting."""
    session.install("--group", "lint")
    session.run("ruff", "check", *CODE)
    session.run("ruff", "format", "--check", *CODE)


@nox.session
def types(session: nox.Session) -> None:
    """mypy --strict over everything that is shipped."""
    session.install("-e", ".", "--group", "types")
    session.run("mypy", *TYPED)


@nox.session
def tests(session: nox.Session) -> None:
    """All tests, with the newest versions of everything."""
    session.install("-e", ".", "--group", "test", "--group", "parallel")
    # Tests compute on one thread, so two processes halve the time; a file's tests stay together,
    # since they share what their first one has trained.
    workers = ("-n", "2", "--dist", "loadfile")
    session.run("pytest", *workers, *session.posargs, env=environment())


@nox.session
def lowest(session: nox.Session) -> None:
    """The quick tests again, with the oldest versions that pyproject.toml allows."""
    session.install("--resolution", "lowest-direct", "-e", ".", "--group", "test")
    session.run("pytest", "-m", "not slow", *session.posargs, env=environment())


@nox.session
def wheel(session: nox.Session) -> None:
    """The built wheel, installed elsewhere, offers every room that the tree has."""
    session.install("build")
    target = Path(session.create_tmp()) / "dist"
    session.run("python", "-m", "build", "--wheel", "--outdir", str(target), silent=True)
    built = max(target.glob("*.whl"), key=lambda file: file.stat().st_mtime)
    session.install(str(built))
    with session.chdir(session.create_tmp()):
        offered = session.run(
            "python",
            "-c",
            "import json; from genbench.registry import KINDS, plugins;"
            "print(json.dumps({kind: list(plugins(kind)) for kind in KINDS}))",
            silent=True,
        )
        session.run("genbench", "list")
        # Templates are data, which a wheel can lose without losing a room.
        session.run(
            "python",
            "-c",
            "from genbench.registry import plugins; from genbench.tables.table import Document;"
            "[plugin.load().render(Document(title='t')) for plugin in plugins('report').values()]",
        )
    in_tree = {
        "model": plugins_in("baselines"),
        "metric": plugins_in("metrics"),
        "report": plugins_in("reports"),
        "dataset": [name.replace("_", "-") for name in plugins_in("genbench/data/sources")],
    }
    lost = {
        kind: sorted(set(in_tree[kind]) ^ set(json.loads(str(offered))[kind])) for kind in in_tree
    }
    if any(lost.values()):
        session.error(f"the wheel and the tree differ: {lost}")


def plugins_in(folder: str) -> list[str]:
    return sorted(file.stem for file in Path(folder).glob("[!_]*.py"))


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
