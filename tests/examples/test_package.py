"""The package of examples/ as pip would install it: found, checked, measured with."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from genbench.results.store import Store

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PROJECT = tomllib.loads((EXAMPLES / "pyproject.toml").read_text(encoding="utf-8"))["project"]
GROUPS = {"genbench.metrics": "metric", "genbench.models": "model"}
NAMES = [
    (kind, f"{PROJECT['name']}/{name}")
    for group, kind in GROUPS.items()
    for name in PROJECT["entry-points"].get(group, {})
]


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """Environment of a Python where the package is installed, as its pyproject.toml says."""
    info = tmp_path / "genbench_example-0.1.0.dist-info"
    info.mkdir()
    head = f"Name: {PROJECT['name']}\nVersion: {PROJECT['version']}\n"
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\n{head}")
    lines = [
        line
        for group, entries in PROJECT["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{EXAMPLES}"}


def genbench(installed: dict[str, str], where: Path, line: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "genbench", *line.split()],
        env=installed,
        cwd=where,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(("kind", "name"), NAMES)
def test_it_is_listed_and_keeps_its_contract(
    kind: str, name: str, installed: dict[str, str], tmp_path: Path
) -> None:
    listed = genbench(installed, tmp_path, f"list {kind}")
    (line,) = (line for line in listed.splitlines() if name in line)
    source = (EXAMPLES / "genbench_example" / f"{kind}.py").read_text(encoding="utf-8")
    assert line.endswith(source.splitlines()[0].strip('"'))
    assert "broken" not in genbench(installed, tmp_path, f"check {name}")


def test_its_metric_stands_in_the_table(installed: dict[str, str], tmp_path: Path) -> None:
    """Under the name of its distribution, with a protocol of its own."""
    genbench(installed, tmp_path, "train pca --preset tiny --data toyfaces:60 --resolution 16")
    genbench(installed, tmp_path, f"evaluate --metrics {PROJECT['name']}/colour --images 40")

    (record,) = Store(tmp_path / "results").read()

    assert (record.metric, record.score) == ("genbench-example/colour", "colour")
    assert record.value is not None
    assert 0 < record.value < 442
    assert record.protocol_id


@pytest.mark.slow
def test_a_run_of_its_model_is_found_by_every_command(
    installed: dict[str, str], tmp_path: Path
) -> None:
    """Train, list, measure, report: the name of the model has a slash, that of the run has none."""
    data = "--data toyfaces:60 --resolution 16 --images 64"
    genbench(installed, tmp_path, f"train {PROJECT['name']}/linear --preset tiny {data}")

    name = "genbench-example-linear-toyfaces-60-16"
    assert name in genbench(installed, tmp_path, "runs")
    text = genbench(installed, tmp_path, "evaluate --metrics rmse --pairs 10")
    assert name in text
    report = genbench(installed, tmp_path, "report --format json --out report")
    assert name in (tmp_path / report.splitlines()[0]).read_text(encoding="utf-8")


def test_the_metric_is_a_page() -> None:
    """What others copy is short."""
    text = (EXAMPLES / "genbench_example" / "metric.py").read_text(encoding="utf-8")
    code = [line for line in text.splitlines() if line.strip()]
    assert len(code) <= 25
