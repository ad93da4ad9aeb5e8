"""Run folders without weights, for what only reads their names and facts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def run_folder(folder: Path, **facts: Any) -> Path:
    """A folder that is read as a run of PCA; *facts* go into its run.json."""
    about = {
        "format": 1,
        "id": f"id of {folder}",
        "model": "pca",
        "data": "toyfaces:60",
        "dataset": "toyfaces:60",
        "fingerprint": "ab" * 32,
        "resolution": 32,
        "preset": None,
        "device": "cpu",
        "created": "2030-01-01T00:00:00+00:00",
        "state": "finished",
        "seen": 60,
        "total": 60,
    }
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({**about, **facts}), encoding="utf-8")
    settings: dict[str, Any] = {"model": {}, "training": {}}
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder
