"""The Python function and the command are one: the same options, records, words and errors."""

from __future__ import annotations

import inspect
import shlex
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

import genbench
from genbench.cli import main
from genbench.cli.evaluate import evaluate_command
from genbench.data import Dataset, open_dataset
from genbench.errors import BadSetting, GenbenchError
from genbench.evaluation import api, presets, timing
from genbench.evaluation.api import Request
from genbench.evaluation.settings import METRICS, Evaluation
from genbench.images import save_png
from genbench.results.store import Store

SMALL = "--images 20 --pairs 5 --repeats 2 --device cpu"
SMALL_OPTIONS: dict[str, Any] = {"images": 20, "pairs": 5, "repeats": 2, "device": "cpu"}
# What differs between two evaluations of the same things.
OWN = ("id", "evaluation", "time", "provenance", "values")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a trained run, and a folder of images of which one is broken."""
    folder = tmp_path_factory.mktemp("request")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        genbench.train(
            "pca",
            settings={"latent": 8},
            runs_dir=folder / "runs",
            name="pca",
            training={"data": "toyfaces:120", "resolution": 16, "grids": 0},
        )
        images = open_dataset("toyfaces:120", 16).train.take(slice(0, 60))
    for row, image in enumerate(images):
        save_png(image, folder / "images" / f"{row:03d}.png")
    (folder / "images" / "broken.png").write_bytes(b"no image")
    return folder


@pytest.fixture(autouse=True)
def _inside(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)


def run(line: str) -> Result:
    return CliRunner().invoke(main, shlex.split(f"evaluate {line}"))


def plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: row[name] for name in row if name not in OWN} for row in rows]


def test_the_function_has_every_option_of_the_command() -> None:
    names = {"plan_only": "plan", "table_dir": "table"}
    said = ("as_json", "quiet", "verbose")  # how the command tells what came of it
    options = {str(each.name): each for each in evaluate_command.params if each.name not in said}
    arguments = inspect.signature(genbench.evaluate).parameters

    assert {names.get(name, name) for name in options} == set(arguments)
    for name, option in options.items():
        if name not in ("table_dir", "runs_dir", "models", "metrics", "plan_only"):
            assert option.to_info_dict()["default"] == arguments[name].default, name
    assert options["metrics"].to_info_dict()["default"] == ",".join(METRICS)


@pytest.mark.parametrize(
    ("line", "options"),
    [
        (f"--metrics swd,rmse --anchors {SMALL}", {"metrics": ["swd", "rmse"], "anchors": True}),
        (
            f"--models pca --metrics swd --data folder:images --on-bad skip --data-dir . {SMALL}",
            {
                "models": "pca",
                "metrics": ["swd"],
                "data": "folder:images",
                "on_bad": "skip",
                "data_dir": ".",
            },
        ),
        (
            f"--metrics rmse,psnr --quantise truncate --seed 3 --batch 7 {SMALL}",
            {"metrics": ["rmse", "psnr"], "quantise": "truncate", "seed": 3, "batch": 7},
        ),
    ],
)
def test_both_give_the_same_records(line: str, options: dict[str, Any], tmp_path: Path) -> None:
    done = run(f"{line} --table {tmp_path / 'one'}")
    assert done.exit_code == 0, done.stderr

    frame = genbench.evaluate(**{**SMALL_OPTIONS, **options}, table=tmp_path / "two")

    one, two = (
        plain([asdict(record) for record in Store(tmp_path / name).read()])
        for name in ("one", "two")
    )
    assert one == two
    assert [row["score"] for row in one] == list(frame.score)
    assert any(row["value"] is not None for row in one)


def test_both_refuse_an_image_that_cannot_be_used() -> None:
    done = run(f"--models pca --metrics swd --data folder:images {SMALL}")

    with pytest.raises(GenbenchError) as refusal:
        genbench.evaluate("pca", metrics=["swd"], data="folder:images", **SMALL_OPTIONS)
    assert done.exit_code == 2
    assert str(refusal.value) in done.stderr
    assert "broken.png" in done.stderr


PARTS = (
    presets.Part(("swd",), images=30, repeats=2),
    presets.Part(("rmse", "psnr"), pairs=9),
)


@pytest.fixture
def _preset(monkeypatch: pytest.MonkeyPatch) -> None:
    """A paper that measured little."""
    paper = presets.EvaluationPreset(PARTS, "a paper", ("its weather",), (64,), "truncate")
    monkeypatch.setattr(presets, "PRESETS", {"little": paper})


@pytest.mark.usefixtures("_preset")
def test_both_measure_the_parts_of_a_preset_and_commit_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run(f"--preset little --device cpu --table {tmp_path / 'one'}")
    assert done.exit_code == 0, done.stderr
    genbench.evaluate(preset="little", device="cpu", table=tmp_path / "two")

    said = capsys.readouterr().err
    one, two = (Store(tmp_path / name) for name in ("one", "two"))
    assert one.version() == two.version() == len(PARTS) - 1
    assert one.history()[0].command == "evaluate all --preset little: pca"
    assert len({record.evaluation for record in one.read()}) == 1
    rows = plain([asdict(record) for record in one.read()])
    assert rows == plain([asdict(record) for record in two.read()])
    metrics = [("swd", 30)] * (len(rows) - 2) + [("rmse", 9), ("psnr", 9)]
    assert [(row["metric"], row["n"]) for row in rows] == metrics
    for words in ("not known: its weather", "these images are 16x16, the paper's 64x64"):
        assert words in said
        assert words in done.stderr


@pytest.mark.usefixtures("_preset")
@pytest.mark.parametrize("option", ["images", "reference", "pairs", "paths"])
def test_both_refuse_a_number_that_a_preset_fixes(option: str) -> None:
    words = f"--preset little fixes --{option}; leave one of the two out"

    with pytest.raises(BadSetting, match=words):
        genbench.evaluate(preset="little", **{option: 3})
    assert words in run(f"--preset little --{option} 3").stderr


@pytest.mark.usefixtures("_preset")
def test_both_print_the_same_plan_and_measure_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError("something was measured")

    monkeypatch.setattr(api, "carry_out", never)
    monkeypatch.setattr(timing, "time", SimpleNamespace(monotonic=lambda: 0.0))  # of any speed
    done = run(f"--preset little --plan --anchors --table {tmp_path / 'none'}")
    capsys.readouterr()

    frame = genbench.evaluate(preset="little", plan=True, anchors=True, table=tmp_path / "none")

    assert frame.empty
    assert {"id", "score", "value", "protocol"} <= set(frame.columns)
    assert capsys.readouterr().out == done.stdout
    assert done.stdout.splitlines()[:2] == [
        "real images: 30, once for all models, unless they are cached, under 1 s",
        "pca: 2 x 30 samples, under 1 s",
    ]
    assert "\n\npca: 9 reconstructions, under 1 s\n" in done.stdout
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"metrics": ["fdi"]}, "Did you mean fid"),
        ({"metrics": ["fid:100"]}, "fid has no variant '100'"),
        ({"preset": "qick"}, "Did you mean quick"),
        ({"preset": "quick", "metrics": ["fdi"]}, "Did you mean fid"),
        ({"checkpoint": "bset"}, "checkpoint is 'bset', wanted latest or best"),
        ({"quantise": "cut"}, "quantise is 'cut', wanted round or truncate"),
    ],
)
def test_a_wrong_name_is_said_before_data_are_opened(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], words: str
) -> None:
    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("data were opened")

    monkeypatch.setattr(api, "open_dataset", never)
    monkeypatch.setattr(api, "find_candidates", never)

    with pytest.raises(GenbenchError, match=words):
        genbench.evaluate("pca", data="toyfaces:120", **options)


@pytest.mark.parametrize(
    ("models", "words"),
    [
        ("images", "no run tells which data to use; give --data and --resolution"),
        ("all", None),
    ],
)
def test_data_are_those_of_the_runs(models: str, words: str | None, place: Path) -> None:
    request = Request(models=models, how=Evaluation(metrics=("rmse",), device="cpu"))

    if words is None:
        (plan,) = api.plans(request)
        assert isinstance(plan.passes.data, Dataset)
        assert plan.passes.data.name == "toyfaces:120"
    else:
        with pytest.raises(BadSetting, match=words):
            api.plans(request)
