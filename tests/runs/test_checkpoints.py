"""Checkpoints: whole or passed over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from genbench.errors import BadInput
from genbench.runs import best_weights, checkpoints
from genbench.runs.checkpoints import Checkpoint
from genbench.runtime.atomic import sha256


def checkpoint(seen: int) -> Checkpoint:
    weights = {"w": torch.full((3,), float(seen)), "count": torch.tensor(seen)}
    return Checkpoint(
        seen,
        weights,
        {"g.w": weights["w"] / 2},
        {"adam": {"state": {0: {"step": seen}}}},
        {"training": torch.Generator().manual_seed(seen).get_state()},
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    checkpoints.write(tmp_path, checkpoint(5), keep=2)

    found, damaged = checkpoints.latest(tmp_path, training=True)

    assert damaged == []
    assert found.seen == 5
    assert torch.equal(found.model["w"], torch.full((3,), 5.0))
    assert torch.equal(found.average["g.w"], torch.full((3,), 2.5))
    assert found.optimizers == {"adam": {"state": {0: {"step": 5}}}}
    assert torch.equal(found.random["training"], checkpoint(5).random["training"])


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    for seen in (1, 20, 300):
        checkpoints.write(tmp_path, checkpoint(seen), keep=2)

    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["0000000020", "0000000300"]


@pytest.mark.parametrize("name", ["model.safetensors", "average.safetensors", "optimizers.pt"])
def test_a_damaged_newest_is_passed_over_and_named(tmp_path: Path, name: str) -> None:
    checkpoints.write(tmp_path, checkpoint(1), keep=2)
    newest = checkpoints.write(tmp_path, checkpoint(2), keep=2)
    with (newest / name).open("r+b") as stream:
        stream.seek(-1, 2)
        last = stream.read(1)
        stream.seek(-1, 2)
        stream.write(bytes([last[0] ^ 1]))

    found, damaged = checkpoints.latest(tmp_path, training=True)

    assert found.seen == 1
    assert len(damaged) == 1
    assert name in damaged[0]


def test_no_checkpoint_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no checkpoint yet"):
        checkpoints.latest(tmp_path, training=False)


def test_a_pickle_in_place_of_the_optimisers_is_refused(tmp_path: Path) -> None:
    """Even with a matching digest, nothing that could run code is loaded."""
    import json
    import pickle

    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "exploded",))  # type: ignore[return-value]  # hostile

    place = checkpoints.write(tmp_path / "c", checkpoint(1), keep=2)
    (place / "optimizers.pt").write_bytes(pickle.dumps(Bomb(), protocol=2))
    state = json.loads((place / "state.json").read_text())
    state["files"]["optimizers.pt"] = sha256(place / "optimizers.pt")
    (place / "state.json").write_text(json.dumps(state))

    with pytest.raises(BadInput, match="cannot be read"):
        checkpoints.latest(tmp_path / "c", training=True)
    assert not (tmp_path / "exploded").exists()


def test_the_rule_of_a_best_checkpoint_of_before_is_understood(tmp_path: Path) -> None:
    """It was a sentence once, which a protocol hashed."""
    rule = "best fid:768:2000 in training, measured every 500 images"
    (tmp_path / "best").mkdir()
    about = {"rule": rule, "value": 1.5, "seen": 1000}
    (tmp_path / "best" / "best.json").write_text(json.dumps(about))

    folder, found = best_weights.best(tmp_path)

    assert folder == tmp_path / "best" / "0000001000"
    code = best_weights.best_rule("fid:768:2000", 500)
    assert found == {**about, "rule": code, "metric": "fid:768:2000"}
