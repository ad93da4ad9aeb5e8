"""The command line, as a user meets it."""

from __future__ import annotations

import re
import shlex
import warnings
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from genbench.cli import COMMANDS, Genbench, main
from genbench.errors import RangeWarning
from genbench.runtime import caller


def run(line: str) -> Result:
    return CliRunner().invoke(main, shlex.split(line), catch_exceptions=True)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two trained runs and one evaluation."""
    folder = tmp_path_factory.mktemp("cli")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("GENBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        data = "--data toyfaces:120 --resolution 16"
        assert run(f"train pca --preset tiny --set latent=8 {data}").exit_code == 0
        small = "--set latent=16 --set phase_images=32 --set 'batches=[8,8,8]' --images 96"
        assert run(f"train pioneer --name p {small} {data}").exit_code == 0
        done = run("evaluate --metrics swd,rmse,psnr --images 40 --repeats 2 --anchors")
        assert done.exit_code == 0, done.output
    return folder


@pytest.fixture(autouse=True)
def _inside(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)


def test_train_says_where_the_run_is_and_what_to_do_next(place: Path) -> None:
    result = run("train pca --preset tiny --data toyfaces:120 --resolution 16 --name another")

    assert result.stdout.splitlines() == ["runs/another"]
    assert "measure: genbench evaluate --models another" in result.stderr


def test_a_warning_about_a_range_is_one_line_on_standard_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @click.command()
    def warns() -> None:
        caller.warn("m: the samples reach from 0 to 255", RangeWarning)
        click.echo("result")

    monkeypatch.setattr(Genbench, "get_command", lambda *_: warns)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        result = run("list")

    assert result.stderr == "genbench: m: the samples reach from 0 to 255\n"
    assert result.stdout == "result\n"


def test_runs_are_listed_with_progress() -> None:
    lines = run("runs").stdout

    assert re.search(r"pca-toyfaces-120-16 +pca +toyfaces:120 16x16 .*\(100%\) .*finished", lines)
    assert re.search(r"p +pioneer .*96/96 \(", lines)


def test_the_table_has_models_and_anchors() -> None:
    text = run("table").stdout

    for name in ("pca-toyfaces-120-16", "p (untrained)", "real images", "mean image"):
        assert name in text
    assert "± is std over 2 sampling batches" in run("table --notes").stdout


def test_history_and_diff_of_versions() -> None:
    before = len(run("table history").stdout.splitlines())
    assert run("evaluate --models p --metrics rmse --pairs 7").exit_code == 0

    history = run("table history").stdout.splitlines()
    assert len(history) == before + 1
    newest = int(history[0].split()[0])
    diff = run(f"table diff {newest - 1} {newest}").stdout
    assert re.search(r"^added +toyfaces:120 16 +p +rmse +nothing -> [\d.]+ ±", diff)
    assert run(f"table --version {newest - 1}").stdout != run("table").stdout


def test_the_whole_recipe_of_a_number_can_be_printed() -> None:
    ids = re.findall(r"protocol ([0-9a-f]{12})", run("table --notes").stdout)
    text = run(f"table protocol {ids[0][:8]}").stdout

    assert "resolution: 16" in text
    assert "recipe.crop: none, drawn at the resolution" in text


def test_a_plan_says_what_would_be_done_and_does_nothing() -> None:
    versions = run("table history").stdout
    text = run("evaluate --metrics swd,rmse --images 30 --repeats 4 --plan").stdout

    assert "real images: 30, once for all models" in text
    assert "p: 4 x 30 samples, 20 reconstructions" in text
    assert run("table history").stdout == versions


def test_a_report_is_files_and_text() -> None:
    result = run("report --format terminal,md,html --out out")

    assert result.exit_code == 0, result.output
    page = Path("out/report.html").read_text()
    # samples, reconstructions and interpolations of two models, samples and reconstructions of the
    # two side by side, and ranks; rmse has been measured in two ways, so there is no trade-off plot
    assert page.count("data:image/png") == 9
    assert "no trade-off plot: rmse was measured under 2 protocols" in " ".join(page.split())
    text = Path("out/report.md").read_text()
    linked = re.findall(r"\((figures/[^)]+\.png)\)", text)
    assert len(linked) == 9
    assert all((Path("out") / link).is_file() for link in linked)


@pytest.mark.parametrize(
    "line",
    [
        "samples p --count 9",
        "reconstructions p --seed 3",
        "interpolations pca-toyfaces-120-16 --corners 6",
        "attributes p --attribute smile --attribute smile+glasses --images 1 --steps 3",
        "directions pca-toyfaces-120-16 --directions 2",
        "neighbours p --count 2 --near 2",
        "side-by-side p pca-toyfaces-120-16 --count 3",
        "tradeoff --x swd --y psnr",
        "ranks --scores swd,psnr",
        "training p --scalars kl_real+kl_fake,l1",
    ],
)
def test_every_figure_can_be_drawn_and_put_into_a_report(line: str, place: Path) -> None:
    suffix = ".pdf" if line.startswith(("samples", "ranks")) else ".png"
    result = run(f"figure {line} --out drawn/x{suffix}")

    assert result.exit_code == 0, result.output
    assert result.stdout == f"drawn/x{suffix}\n"
    assert len(Path(f"drawn/x{suffix}").read_bytes()) > 5000
    assert "toyfaces:120" in result.stderr  # the caption


def test_a_drawn_figure_and_training_can_stand_in_a_report(place: Path) -> None:
    assert run("figure samples p --count 4 --seed 5 --out drawn/s.png").exit_code == 0

    result = run("report --format md --out out2 --training p --figure drawn/s.png")

    assert result.exit_code == 0, result.output
    text = Path("out2/report.md").read_text()
    assert "Training of p" in text
    assert "4 samples of one seed, none left out." in text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("trian", "no command is called 'trian'. Did you mean train?"),
        ("train", "which model?"),
        ("train poineer", "Did you mean pioneer?"),
        ("train pioneer --preset celeba", "pioneer has no preset 'celeba'. Did you mean celeba"),
        ("train pioneer --set lattent=3", "Did you mean latent?"),
        ("train pioneer --set latent", "--set takes key=value"),
        ("train pioneer --data toyfacse", "Did you mean toyfaces?"),
        ("train pioneer --data folder:/nowhere/at/all", "/nowhere/at/all does not exist"),
        ("train pioneer --device cuda:9 --data toyfaces:60", "cuda:9 was asked for"),
        ("train pca --name p --data toyfaces:60 --preset tiny", "p already exists"),
        ("train --resume runs/none", "there is no such folder"),
        ("train --resume . ", "it has no run.json"),
        ("train pca --resume runs/p", "--resume takes its settings from the run"),
        ("evaluate --metrics fdi", "no metric is called 'fdi'. Did you mean fid?"),
        ("evaluate --metrics fid:769", "Did you mean 768?"),
        ("evaluate --models nobody", "nobody is neither a run in runs nor a folder of images"),
        ("evaluate --runs empty", "no trained runs in empty"),
        ("evaluate --images 5000", "lower it to 100"),
        ("evaluate --data mnist --data-dir . --resolution 16", "mnist"),
        ("evaluate --preset pioner-table1", "Did you mean pioneer-table1?"),
        ("evaluate --preset quick --images 3", "--preset quick fixes --images"),
        ("table --table empty", "empty holds no results table"),
        ("table --version 99", "not 99"),
        ("table protocol zzz", "0 protocols of the table begin with 'zzz'"),
        ("table diff 0 99", "not 99"),
        ("report --format pfd", "no report is called 'pfd'"),
        ("report --figure setup.png", "setup.png is not a PNG file"),
        ("figure sampels p", "no figure is called 'sampels'. Did you mean samples?"),
        ("figure samples q", "no run is called 'q' in runs."),
        ("figure samples p --out x.jpg", "x.jpg should end with .png or .pdf"),
        ("figure attributes p --attribute smiel", "Did you mean smile?"),
        ("figure attributes p", "say what to edit: --attribute NAME, or two folders"),
        (
            "figure attributes p --with a --without b",
            "a does not exist; wanted a folder, a .zip, .npz or .npy file",
        ),
        ("figure reconstructions p --count 21", "shows 21 test images, toyfaces:120 has 20"),
        ("figure tradeoff --x fid --y psnr", "has no numbers of 'fid'"),
        ("figure tradeoff --x swd --y rmse", "rmse was measured under 2 protocols"),
        ("figure training p --scalars l2", "Did you mean l1?"),
        ("figure fid p --metric rmse", "--metric rmse has no curve over the number of images"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(line: str, words: str) -> None:
    result = run(line)

    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stdout == ""
    errors = [text for text in result.stderr.splitlines() if text.startswith("genbench: ")]
    assert len(errors) == 1
    assert "Traceback" not in result.stderr


def test_a_mistake_leaves_everything_as_it_was(place: Path) -> None:
    def state() -> dict[Path, bytes]:
        return {p: p.read_bytes() for p in sorted(place.rglob("*")) if p.is_file()}

    before = state()
    for line in (
        "evaluate --models p,nobody --metrics rmse",
        "train pca --name p --data toyfaces:60",
        "evaluate --metrics rmse,nothing",
        "train --resume runs/p --seed 3",
    ):
        assert run(line).exit_code == 2
    assert state() == before


def test_a_wrong_weights_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pt_inception-2015-12-05-6726825d.pth").write_bytes(b"something else")

    result = run(f"evaluate --models p --metrics fid --weights-dir {tmp_path}")

    assert result.exit_code == 2
    assert "sha256" in result.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    text = run(f"{name} --help").stdout

    assert f"genbench {name}" in text.split("Options:")[0].split("Example", 1)[1]
