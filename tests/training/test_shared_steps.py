"""Steps that processes share are steps of one process, for every model of the registry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from together import together

from genbench.registry import plugins

CODE = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
if COUNT > 1:
    sharing.__exit__(None, None, None)  # the engine says what is shared
from work_shared_steps import main
main(Path({folder!r}))
"""
CLOSE = 1e-9  # sums in another order, in float64, over four steps

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one process has learned, and each of two."""
    folder = tmp_path_factory.mktemp("steps")
    code = CODE.format(tests=str(Path(__file__).parent), folder=str(folder))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        together(code, folder, 1)
        together(code, folder, 2)
    return {file.stem: torch.load(file, weights_only=True) for file in folder.glob("*.pt")}


@pytest.mark.parametrize("name", plugins("model"))
def test_two_processes_with_half_a_batch_are_one_with_the_whole(name: str, learned: Any) -> None:
    """Gradients of every update, scalars, weights, statistics, buffers, averages."""
    alone = learned["0-of-1"][name]

    for rank in range(2):
        shared = learned[f"{rank}-of-2"][name]
        assert len(shared["gradients"]) == len(alone["gradients"])
        for number, (ours, theirs) in enumerate(
            zip(shared["gradients"], alone["gradients"], strict=True)
        ):
            assert difference(ours, theirs) < CLOSE, f"gradient {number}"
        for part in ("state", "average", "scalars"):
            assert shared[part].keys() == alone[part].keys()
            far = {key: difference(shared[part][key], alone[part][key]) for key in alone[part]}
            assert {key: value for key, value in far.items() if value > CLOSE} == {}
        assert torch.equal(shared["random"], alone["random"])


@pytest.mark.parametrize("name", plugins("model"))
def test_all_processes_keep_the_same_model(name: str, learned: Any) -> None:
    """To the bit: spectral vectors, image buffer, table of codes, running statistics."""
    first, second = (learned[f"{rank}-of-2"][name] for rank in range(2))

    for part in ("state", "average"):
        assert [k for k, v in first[part].items() if not torch.equal(v, second[part][k])] == []
    for ours, theirs in zip(first["gradients"], second["gradients"], strict=True):
        assert torch.equal(ours, theirs)


def difference(a: torch.Tensor, b: torch.Tensor) -> float:
    """Of the size of the larger."""
    size = max(float(a.double().norm()), float(b.double().norm()), 1e-9)
    return float((a.double() - b.double()).norm()) / size
