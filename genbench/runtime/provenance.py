"""Where a number or a run comes from: code, versions, hardware, time."""

from __future__ import annotations

import datetime
import hashlib
import os
import platform
import subprocess
import sys
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import torch

from genbench import registry
from genbench.interfaces import Json


def now() -> str:
    """UTC, ISO 8601, to the microsecond."""
    return datetime.datetime.now(datetime.UTC).isoformat()


def describe(device: torch.device) -> dict[str, Json]:
    """What a stranger would ask about the circumstances of a result."""
    return {
        "genbench": version("genbench"),
        "git": _git_state(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": platform.platform(),
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }


def device_name(device: torch.device) -> str:
    """'cpu (AVX512, 2 cores)' or the name of the GPU."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    level = torch.backends.cpu.get_cpu_capability()
    return f"{device.type} ({level}, {os.cpu_count()} cores)"


@cache
def code_digest() -> str:
    """sha256 over the source of genbench and its plug-ins: evidence of other code is not reused."""
    digest = hashlib.sha256()
    for package in ("genbench", *registry.packages()):
        for file in _files(package):
            digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


def _files(package: str) -> list[Path]:
    """The source of a package or of a module that is one file; nothing is imported."""
    spec = find_spec(package)
    if spec is None:
        return []
    if spec.submodule_search_locations is None:
        file = Path(spec.origin or "")
        return [file] if file.suffix == ".py" else []
    folders = map(Path, spec.submodule_search_locations)
    return [file for folder in folders for file in sorted(folder.rglob("*.py"))]


@cache
def _git_state() -> str | None:
    """Commit of the source tree in use, with '+' if it was changed; None if installed."""
    here = Path(__file__).resolve().parents[2]
    if not (here / ".git").exists():
        return None
    try:
        commit = _git(here, "rev-parse", "--short=12", "HEAD")
        return commit + ("+" if _git(here, "status", "--porcelain") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(where: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(where), *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    )
    return done.stdout.strip()
