"""What only looks at folders does not wait for torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SETTINGS = {"model": {}, "training": {"device": {"value": "cpu", "source": "default"}}}
FACTS = {
    "format": 1,
    "id": "0123456789ab",
    "model": "pca",
    "data": "toyfaces",
    "dataset": "toyfaces",
    "resolution": 8,
    "fingerprint": "0" * 64,
    "preset": None,
    "state": "finished",
    "seen": 10,
    "total": 10,
    "created": "2026-01-01T00:00:00+00:00",
}


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    """Two runs, as far as a list and a comparison look at them."""
    for name in ("one", "two"):
        folder = tmp_path / name
        (folder / "checkpoints" / "0000000010").mkdir(parents=True)
        (folder / "run.json").write_text(json.dumps(FACTS), encoding="utf-8")
        (folder / "settings.json").write_text(json.dumps(SETTINGS), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "shown"),
    [("runs --runs DIR", "finished"), ("runs --runs DIR compare one two --all", "pca")],
    ids=["runs", "compare"],
)
def test_runs_are_listed_without_torch(words: str, shown: str, runs_dir: Path) -> None:
    assert shown in without_torch(words.replace("DIR", str(runs_dir)).split())


def test_reference_models_are_listed_without_torch() -> None:
    assert "pioneer-toyfaces-32" in without_torch(["zoo", "list"])


def test_models_are_shown_without_torchs_compiler() -> None:
    code = (
        "import sys\n"
        "from genbench.cli import main\n"
        "from genbench.registry import models\n"
        "for name in models():\n"
        "    main(['show', name], standalone_mode=False)\n"
        "assert 'torch._dynamo' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.count("\nparameters\n") == 12


def without_torch(arguments: list[str]) -> str:
    """What a command prints in a process of its own, which has not loaded torch at its end."""
    code = (
        "import sys\n"
        "from genbench.cli import main\n"
        f"main({arguments!r}, standalone_mode=False)\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return done.stdout
