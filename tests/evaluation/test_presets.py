"""Presets hold the papers' numbers, name what the papers leave open, and can be carried out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import genbench
from genbench.data import open_dataset
from genbench.errors import BadSetting, NotEnoughData
from genbench.evaluation.plan import find_metrics, stream_sizes
from genbench.evaluation.presets import PRESETS, parts, remarks
from genbench.evaluation.settings import METRICS, Evaluation
from genbench.interfaces import Stream

# Of the tables of the papers: (metrics, samples, real, pairs, steps, sets); None: what there is.
PAPERS = {
    "pioneer-table1": [
        (("fid",), 10_000, None, None, None, 5),
        (("swd",), 16_384, None, None, None, 5),
        (("rmse", "psnr"), None, None, 1000, None, 1),
    ],
    "balanced-pioneer-table1": [
        (("fid",), 50_000, 50_000, None, None, 1),
        (("ppl:face",), None, None, None, 100_000, 1),
        (("lpips:alex-face", "lpips:vgg-face"), None, None, 10_000, None, 1),
        (("identity",), None, None, 1000, None, 1),
    ],
    "balanced-pioneer-table1-lsun": [
        (("fid",), 50_000, 50_000, None, None, 1),
        (("ppl",), None, None, None, 100_000, 1),
    ],
    "balanced-pioneer-ablation": [(("fid",), 10_000, None, None, None, 1)],
    "introvae-table2": [
        (("fid",), 50_000, 50_000, None, None, 1),
        (("ms_ssim",), 20_000, None, None, None, 1),
    ],
    "glo-table1": [(("psnr",), None, None, None, None, 1)],
    "proggan-report-table1": [(("swd", "inception_score"), 16_384, None, None, None, 1)],
}
HOW = Evaluation(metrics=METRICS)


@pytest.mark.parametrize("name", PRESETS)
def test_every_metric_of_a_preset_exists(name: str) -> None:
    for part in parts(name, HOW):
        assert find_metrics(part.metrics)


@pytest.mark.parametrize("name", PAPERS)
def test_a_preset_holds_the_numbers_of_its_paper(name: str) -> None:
    found = [
        (p.metrics, p.images, p.reference, p.pairs, p.paths, p.repeats) for p in parts(name, HOW)
    ]

    assert found == PAPERS[name]


def test_every_paper_is_tested_here() -> None:
    assert PRESETS.keys() - PAPERS.keys() == {"quick"}


@pytest.mark.parametrize(("metric", "crop"), [("ppl:face", True), ("ppl", False)])
def test_paths_have_the_step_and_the_crop_of_the_paper(metric: str, crop: bool) -> None:
    (input_,) = find_metrics([metric])[metric].inputs.values()

    assert input_.step is not None
    assert (input_.step.epsilon, input_.step.ends, input_.face) == (1e-4, False, crop)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("pioneer-table1", ["scale of its RMSE", "sampling batches", "test images", "port"]),
        ("balanced-pioneer-table1", ["reference images", "full or end", "LPIPS network", "fewer"]),
        ("balanced-pioneer-table1-lsun", ["reference images", "full or end", "CelebA-HQ only"]),
        ("balanced-pioneer-ablation", ["reference images", "port"]),
        ("introvae-table2", ["reference split", "PGGAN's"]),
        ("glo-table1", ["over images or pooled", "wrong sign"]),
        ("proggan-report-table1", ["8x8"]),
    ],
)
def test_what_a_paper_leaves_open_is_named(name: str, words: list[str]) -> None:
    said = "\n".join(remarks(name, PRESETS[name].resolutions[0]))

    for word in words:
        assert word in said
    assert "do not compare" not in said
    assert "these images are 48x48" in remarks(name, 48)[-1]


@pytest.mark.parametrize("name", PRESETS)
def test_only_the_presets_of_the_pioneer_papers_truncate(name: str) -> None:
    for part in parts(name, HOW):
        assert part.quantise == ("truncate" if "pioneer" in name else "round")


def test_a_preset_keeps_what_it_does_not_fix() -> None:
    how = Evaluation(metrics=METRICS, seed=7, device="cpu", anchors=True, quantise="truncate")

    for part in (*parts("pioneer-table1", how), *parts("quick", how)):
        assert (part.seed, part.device, part.anchors) == (7, "cpu", True)
        assert part.quantise == "truncate"


def test_a_preset_that_does_not_exist_is_said() -> None:
    with pytest.raises(BadSetting, match="Did you mean pioneer-table1"):
        parts("pioneer-table", HOW)


def test_a_reference_may_be_smaller_than_the_set_of_samples() -> None:
    """50,000 samples against the 27,000 training images of CelebA-HQ, here 70 against 50."""
    data = open_dataset("toyfaces:60", 16)
    asked = Evaluation(metrics=("fid",), images=70, reference=60, pairs=99)

    with pytest.raises(NotEnoughData, match="--reference 60 asks for more real images"):
        stream_sizes(asked, data)
    with pytest.raises(NotEnoughData, match="lower it to 50, or take --reference 50"):
        stream_sizes(Evaluation(metrics=("fid",), images=70), data)

    fewer = stream_sizes(Evaluation(**{**vars(asked), "fewer": True}), data)
    assert [fewer[stream] for stream in (Stream.SAMPLES, Stream.REAL, Stream.PAIRS)] == [70, 50, 10]


def test_the_protocol_says_how_many_real_images_there_were(tmp_path: Path) -> None:
    import json

    import torch

    class Grey:
        def sample(self, n: int) -> torch.Tensor:
            return torch.rand(n, 3, 16, 16) * 2 - 1

    data = open_dataset("toyfaces:60", 16)
    frame = genbench.evaluate(
        Grey(), data=data, metrics=["swd"], images=70, reference=40, repeats=1, pairs=5
    )

    assert json.loads(frame.protocol[0])["images"] == {"real": 40, "samples": 70}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"metrics": ("rmse",)}, "--metrics"),
        ({"repeats": 7}, "--repeats"),
        ({"images": 7}, "--images"),
    ],
)
def test_what_a_preset_fixes_is_not_silently_ignored(given: Any, words: str) -> None:
    with pytest.raises(BadSetting, match=f"--preset pioneer-table1 fixes {words}; leave one of"):
        parts("pioneer-table1", Evaluation(**{"metrics": (), **given}))
