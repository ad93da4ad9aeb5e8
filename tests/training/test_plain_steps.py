"""What training speed is measured against is the same algorithm."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "training.py"


@pytest.mark.slow
def test_plain_steps_of_the_benchmark_are_the_steps_that_we_take() -> None:
    """Losses and updates from equal weights and noise, in float64, in every stage."""
    words = [sys.executable, str(SCRIPT), "--check"]
    child = subprocess.run(words, capture_output=True, text=True, check=True)

    assert child.stdout == "pioneer, balanced_pioneer, dcgan: the same step, all through\n"
