"""Several processes share an evaluation and give what one gives."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from children import children

from genbench.distributed import group
from genbench.errors import BadSetting
from genbench.results.store import Store
from genbench.runtime.seeds import BLOCK

SCRIPT = Path(__file__).parent / "work_together.py"
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
CPU = torch.device("cpu")


def run(devices: int, table: Path, trouble: str = "none", through: list[str] | None = None) -> Any:
    """What each process says, by rank."""
    command = [sys.executable, *(through or []), SCRIPT, devices, trouble, table]
    with children() as start:
        process = start(*command)
        process.end()  # well or, where there is trouble, with an error
        lines = [json.loads(line) for line in process.out.splitlines() if line.startswith("{")]
        assert lines, process.err
    return {line.pop("rank"): line for line in lines}


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a single process says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        (said,) = run(1, tmp_path_factory.mktemp("one") / "table").values()
        return said


@pytest.mark.slow
@pytest.mark.parametrize(("devices", "through"), [(2, []), (3, [*TORCHRUN, "3"])])
def test_processes_give_what_one_gives(
    tmp_path: Path, one: Any, devices: int, through: list[str]
) -> None:
    """150 samples are three blocks, 50 pairs are one: shares are unequal, and some empty."""
    together = run(devices, tmp_path / "many", through=through)

    assert sorted(together) == list(range(devices))
    for said in together.values():
        assert said["numbers"].keys() == one["numbers"].keys()
        for score, (value, spread, *rest) in said["numbers"].items():
            expected = one["numbers"][score]
            # Sums in another order: a few units in the last place of float64.
            assert value == pytest.approx(expected[0], rel=1e-12), score
            assert spread == pytest.approx(expected[1], rel=1e-9, nan_ok=True), score
            assert rest == expected[2:], score
    assert all(value is not None for value, *_ in one["numbers"].values())
    assert Store(tmp_path / "many").version() == 0  # committed once
    assert len(Store(tmp_path / "many").read()) == len(one["numbers"])


@pytest.mark.slow
@pytest.mark.assets
@pytest.mark.usefixtures("weights")
def test_fid_of_real_features_is_the_same(tmp_path: Path) -> None:
    """To what float32 kernels that add in another order make of the features.

    Where processes share the cores, each runs its convolutions with other numbers of threads.
    """
    (one,) = run(1, tmp_path / "one", "weights").values()
    two = run(2, tmp_path / "two", "weights")[1]

    assert one["numbers"]["fid_768"][0] > 0
    assert two["numbers"]["fid_768"][0] == pytest.approx(one["numbers"]["fid_768"][0], rel=1e-6)


@pytest.mark.slow
def test_what_one_process_finds_all_say(tmp_path: Path) -> None:
    """Only the second process makes NaN: in its own rows, which begin at the second block."""
    for said in run(2, tmp_path / "t", "nan").values():
        reason = said["numbers"]["fid"][3]
        assert reason == (
            "Model made an image that is not finite: row 64 of its samples, seed 0, repeat 0"
        )
        assert "row 0 of its reconstructions" in said["numbers"]["rmse"][3]


@pytest.mark.slow
def test_a_bug_of_a_model_in_one_process_is_the_reason_in_all(tmp_path: Path) -> None:
    for said in run(2, tmp_path / "t", "bug").values():
        for score in ("fid", "rmse"):
            value, *_, reason = said["numbers"][score][:4]
            assert value is None
            assert "ZeroDivisionError: a bug" in reason


@pytest.mark.slow
def test_a_process_that_dies_ends_the_others(tmp_path: Path) -> None:
    assert run(2, tmp_path / "t", "death")[0]["error"].startswith("another process")
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize("count", [1, 2, 3, 8])
@pytest.mark.parametrize("n", [1, 63, 64, 65, 1000, 4096])
def test_shares_are_whole_blocks_and_no_row_is_in_two(
    monkeypatch: pytest.MonkeyPatch, n: int, count: int
) -> None:
    shares = []
    for rank in range(count):
        monkeypatch.setattr(group, "count", lambda: count)
        monkeypatch.setattr(group, "rank", lambda rank=rank: rank)
        shares.append(group.share(n))

    assert [row for share in shares for row in share] == list(range(n))
    assert all(share.start % BLOCK == 0 for share in shares if share)
    sizes = [len(share) for share in shares]
    assert max(sizes) - min(sizes) <= 2 * BLOCK


@pytest.mark.parametrize(
    ("devices", "environment", "words"),
    [
        (0, {}, "at least 1"),
        (1, {"WORLD_SIZE": "4"}, "4 processes were started"),
        (3, {"SLURM_NTASKS": "4"}, "4 processes were started"),
    ],
)
def test_numbers_of_processes_that_do_not_fit_are_said(
    monkeypatch: pytest.MonkeyPatch, devices: int, environment: dict[str, str], words: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(BadSetting, match=words):
        group.launch(devices, CPU)
