"""Reproduction: what would be run, and small runs of the real presets."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from genbench import features, registry, runs
from genbench.cli import main
from genbench.errors import BadInput, BadSetting
from genbench.evaluation.presets import PRESETS
from genbench.published import rows
from genbench.reproduction import (
    PAPERS,
    How,
    jobs,
    jobs_of,
    judge,
    targets,
)
from genbench.reproduction import run as carrying_out
from genbench.reproduction.papers import Job, Target
from genbench.reproduction.run import Outcome
from genbench.results.store import Store
from genbench.training.api import train

ALL = [target for name in PAPERS for target in targets(name)]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


# --- what would be run


def test_every_number_of_every_table_is_there_once_or_once_for_each_reading() -> None:
    for name, about in PAPERS.items():
        printed = [row for row in rows() if row.source in about.sources]
        found = targets(name)
        assert [t.published for t in found if t.metric != "lpips:vgg-face"] == printed
        assert all((t.job is None) == (t.why_not is not None) for t in found)


@pytest.mark.parametrize(
    ("name", "able", "trainings"),
    [
        ("pioneer-table1", 18, 6),  # three metrics of ALI, AGE twice, ProgGAN/L1, Pioneer twice
        ("balanced-pioneer-ablation", 7, 7),  # one of the eight rows has no value
        ("proggan-report-table1", 14, 7),
        ("glo-table1", 24, 24),  # test column, upper half: 4 models (PCA too), 6 data sets
    ],
)
def test_what_can_be_measured(name: str, able: int, trainings: int) -> None:
    found = targets(name)

    assert sum(target.job is not None for target in found) == able
    assert len(jobs_of(found)) == trainings


@pytest.mark.parametrize("job", jobs_of(ALL), ids=lambda job: job.title)
def test_every_training_has_a_preset_for_its_images(job: Job) -> None:
    preset = registry.model(job.model).presets[job.preset]

    assert preset.resolution == job.resolution
    assert preset.data in (job.data, None)
    assert job.evaluation in PRESETS
    assert jobs.hours(job, How()) > 0


@pytest.mark.parametrize(
    ("system", "metric", "words"),
    [
        ("GLOW", "fid", "no model of genbench is printed as GLOW"),
        ("IntroVAE", "fid", "it is quoted; see introvae-table2"),
        ("Balanced PIONEER ablation SN", "fid_10k_at_20M", "the paper prints no value"),
        ("Balanced PIONEER ablation PN", "fid_10k_best", "only its end"),
        ("real_images", "swd_x1e3", "--anchors measures them"),
    ],
)
def test_what_is_not_attempted_has_its_reason(system: str, metric: str, words: str) -> None:
    found = [t for t in ALL if (t.published.system, t.published.metric) == (system, metric)]

    assert any(words in str(target.why_not) for target in found)


def test_glo_is_measured_on_test_images_with_codes_by_the_squared_error() -> None:
    printed = [t.published for t in targets("glo-table1") if t.job is not None]

    assert {p.split for p in printed} == {"test"}
    assert not [p for p in printed if "Lap1" in p.protocol]


def test_the_report_stops_where_the_report_stopped() -> None:
    assert {job.images for job in jobs_of(targets("proggan-report-table1"))} == {1_462_000}


def test_a_model_that_starts_from_another_trains_that_first() -> None:
    (job,) = [j for j in jobs_of(targets("pioneer-table1")) if j.model == "proggan_l1"]
    first = jobs.origin(job)

    assert first is not None
    assert (first.model, first.preset) == ("proggan", "celeba-64")


@pytest.mark.parametrize(
    ("model", "preset", "side"),
    [
        ("age", "celeba-64", 64),
        ("vae", "glo-celeba-64", 64),
        ("pca", "glo-mnist-32", 32),
        ("introvae", "celeba-64", 64),
    ],
)
def test_the_estimate_counts_the_images_that_the_model_wants(
    model: str, preset: str, side: int
) -> None:
    found = registry.model(model)
    job = Job(model, preset, "celeba", side, "quick")
    built = runs.build(model, found.settings(**found.presets[preset].settings), side, 0)

    assert jobs.images(job, How(), 162_770) == pytest.approx(built.total(162_770), rel=0.002)


def test_a_smoke_test_shortens_the_schedule_and_the_evaluation() -> None:
    job = Job("pioneer", "celeba-128", "celeba", 128, "pioneer-table1")
    how = How(scale=0.001)

    assert jobs.images(job, how, 162_770) == 36_200
    assert jobs.settings(job, how) == {
        "phase_images": 2_400,
        "phase_starts": (0, 2_400, 4_800, 7_200, 9_600, 26_280),
    }
    assert jobs.settings(job, How()) == {}
    sizes = [(e.images, e.pairs) for e in jobs.measurements(job, ["fid", "swd", "rmse"], how)]
    assert sizes == [(16, 16), (16, 16), (None, 16)]
    real = [(e.images, e.pairs) for e in jobs.measurements(job, ["fid", "swd", "rmse"], How())]
    assert real == [(10_000, None), (16_384, None), (None, 1000)]


def test_only_smoke_tests_have_names_of_their_own() -> None:
    job = Job("pioneer", "celeba-64", "celeba", 64, "pioneer-table1")

    assert jobs.folder(job, How()).name == "pioneer-celeba-64"
    names = {
        jobs.folder(job, how).name
        for how in (How(), How(scale=0.5), How(instead="toyfaces"), How(settings={"latent": 8}))
    }
    assert len(names) == 4


def test_rising_starts_keep_rising_at_any_scale() -> None:
    job = Job("pioneer", "celeba-128", "celeba", 128, "pioneer-table1")

    assert jobs.settings(job, How(scale=1e-9))["phase_starts"] == (0, 1, 2, 3, 4, 5)


def test_the_list_has_every_table_with_its_cost() -> None:
    text = run("reproduce", "--list").stdout

    for name in PAPERS:
        assert re.search(
            rf"^{name}: .*\n +\d+ of \d+ numbers, .*about [\d,]+ GPU hours$", text, re.MULTILINE
        )


def test_a_plan_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENBENCH_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("GENBENCH_CACHE", str(tmp_path / "cache"))

    text = run("reproduce", "balanced-pioneer-ablation", "--plan").stdout

    assert "data celeba-hq: not there; celeba-hq" in text
    assert "--data celeba-hq=folder:PATH" in text
    assert "weights inception: not there; no pt_inception" in text
    assert "training balanced_pioneer ablation-pn: 20,000,000 images, about " in text
    assert "not attempted: Balanced PIONEER ablation SN celeba_hq 128x128" in text
    assert not (tmp_path / "runs").exists()


def test_weights_that_lack_a_layer_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class Part:
        layers = ("64", "192")

    monkeypatch.setattr(features, "load", lambda *_, **__: Part())
    found = [target for target in targets("pioneer-table1") if target.metric == "fid"]

    (line,) = [x for x in jobs.needs(found, How()) if x.startswith("weights")]
    assert line.startswith("weights inception: there, without layer 2048; for the whole network")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("reproduce", "which table? See: genbench reproduce --list"),
        ("reproduce pioner-table1", "Did you mean pioneer-table1?"),
        ("reproduce pioneer-table1 --systems Pioneer", "it has AGE, ALI, PIONEER, ProgGAN/L1"),
        ("reproduce pioneer-table1 --data a --data b", "would both replace all data sets"),
    ],
)
def test_a_mistake_is_one_line(line: str, words: str) -> None:
    done = run(*line.split())

    assert done.exit_code == 2
    assert words in done.stderr


# --- small runs of the real presets


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder without weights: FID then fails, and says so."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENBENCH_WEIGHTS", str(tmp_path / "none"))
    monkeypatch.setenv("GENBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path


def small(name: str, **more: Any) -> list[tuple[Target, Outcome | None]]:
    """Pioneer at 64x64 alone, as small as it goes."""
    found = [t for t in targets(name) if t.published.resolution == 64]
    chosen = [t for t in found if t.published.system == "PIONEER"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(carrying_out, "targets", lambda _: chosen)
        how = How(
            scale=1e-6,
            instead="toyfaces:60",
            device="cpu",
            threads=1,
            settings={"latent": 8, "batches": [8] * 5},
            **more,
        )
        return carrying_out.carry_out_all(name, how, lambda _: None)


@pytest.mark.slow
def test_a_smoke_test_runs_says_so_and_goes_on_where_it_was(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[str] = []

    def stopped(*args: Any, **options: Any) -> runs.Run:
        """As a scheduler does: a signal after the first step."""
        trained.append(options["name"])
        layer = options.pop("training")
        return train(
            *args, **options, training=type(layer)(layer.source, {**layer.values, "minutes": 0.0})
        )

    monkeypatch.setattr(carrying_out, "train", stopped)
    with pytest.raises(carrying_out.Interrupted, match="the same command goes on with it"):
        small("pioneer-table1")
    assert not (place / "results").exists()

    results = small("pioneer-table1")

    (folder,) = (place / "runs").iterdir()
    assert folder.name.startswith("pioneer-celeba-64-scale-1e-06-on-toyfaces-60")
    assert runs.read(folder).facts["seen"] == 25
    records = Store("results").read()
    assert {r.provenance["reproduces"] for r in records} == {"pioneer-table1"}
    assert all(
        "smoke test, 1e-06 of the images; toyfaces:60" in str(r.note)
        for r in records
        if r.value is not None
    )
    verdicts = judge(results, "smoke test")
    words = {v.target.published.metric: v.words for v in verdicts}
    assert words["swd"] == words["rmse"] == "measured; a smoke test says nothing of the paper"
    assert "failed: no pt_inception" in words["fid"]
    assert [v.deviation for v in verdicts] == [None] * 3

    again = small("pioneer-table1")

    assert len(trained) == 1
    assert Store("results").version() == 0  # nothing was measured twice, or refused twice
    assert [v.measured for v in judge(again, "x")] == [v.measured for v in verdicts]


@pytest.mark.slow
def test_the_command_prints_the_table_and_draws_it(place: Path) -> None:
    done = run(
        "reproduce",
        "glo-table1",
        "--scale",
        "1e-5",
        "--data",
        "toyfaces:60",
        "--device",
        "cpu",
        "--systems",
        "PCA",
        "--set",
        "latent=4",
        "--threads",
        "1",
    )

    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("GLO (ICML 2018), Table 1 (smoke test, 1e-05 of the images;")
    assert re.search(
        r"PCA +celeba 64x64 +psnr_db as psnr +25\.1 +\d+\.\d+ ± \S+ +- +measured; a "
        r"smoke test",
        done.stdout,
    )
    assert "not attempted: it is of train images" in done.stdout
    assert (place / "reproduction/glo-table1-smoke.png").read_bytes()[:4] == b"\x89PNG"
    assert "6 measured" in (place / "reproduction/glo-table1-smoke.txt").read_text()


def test_another_training_of_that_name_is_not_taken(place: Path) -> None:
    job = Job("pca", "glo-celeba-64", "celeba", 64, "glo-table1")
    done = run(
        "train",
        "pca",
        "--preset",
        "tiny",
        "--data",
        "toyfaces:60",
        "--resolution",
        "16",
        "--set",
        "latent=4",
        "--name",
        "pca-glo-celeba-64",
    )
    assert done.exit_code == 0, done.output

    with pytest.raises(BadInput, match=r"holds another training \(preset is tiny, wanted glo-ce"):
        jobs.existing(job, How())
    assert jobs.existing(job, How(runs_dir=place / "other")) is None


def test_no_table_of_that_name() -> None:
    with pytest.raises(BadSetting, match="Known: pioneer-table1"):
        targets("nothing")
