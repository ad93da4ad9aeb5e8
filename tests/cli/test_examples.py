"""Every example of README and of ``--help`` is run; what cannot be is parsed, and here is why."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from genbench.cli import main
from genbench.results.record import Record
from genbench.results.store import Store

README = Path(__file__).resolve().parents[2] / "README.md"
SIDE = "--data toyfaces:120 --resolution 16"
SMALL = "--set latent=16 --set phase_images=32 --set 'batches=[8,8,8]' --images 96"

# Examples that are parsed to the last option and not carried out: how they begin, and why.
ONLY_PARSED = {
    "quickstart": "trains for minutes; tests/cli/test_quickstart.py runs it, shortened",
    "train pioneer": "trains for minutes; tests/cli/test_cli.py trains a smaller one",
    "data prepare celeba": "wants images that are not here; tests/data has small ones",
    "train --resume": "goes on for minutes; tests/training/test_resume.py resumes a smaller one",
    "check my-package/my-model": "that package is a placeholder; tests/examples has one",
    "check package/name": "the same",
    "import": "wants weights that somebody has published; "
    "tests/baselines/test_released_weights.py has small ones",
    "figure fid": "wants the weights of the network and 1000 images; tests/figures/test_charts.py "
    "draws one of other numbers",
    "reproduce pioneer-table1 --scale": "trains six models of full size; tests/reproduction "
    "has small ones",
    "reproduce balanced-pioneer-ablation": "trains for weeks, on images that are not here",
    "evaluate --preset pioneer-table1 --plan": "fixes 10,000 images, more than the data here have",
    "evaluate --models pioneer-celeba-32": "wants 4000 images of the data and the weights of the "
    "network; tests/evaluation/test_api.py measures small data through it",
    "stats": "wants the weights of the network; tests/evaluation/test_reference_statistics.py",
    "compare real/ fake/ --metrics fid:768": "wants 300 images and the weights of the network; "
    "tests/evaluation/test_compare.py compares small sets",
    "evaluate --models diffusers:PATH": "wants diffusers; tests/adapters/test_diffusers.py has it",
    "evaluate --models all --metrics fid,swd --devices 8": "eight processes; "
    "tests/evaluation/test_together.py starts two",
}
# What examples name that is called otherwise here.
NAMED = {
    "Smiling": "smile",
    "Male": "glasses",
    "/mnt/other-machine/results": "other",
    "MODEL": "pca",
    "--x fid": "--x swd",
}
# What an example leaves to the defaults and would take long. Pictures of reports are drawn by
# tests/cli/test_cli.py.
SMALLER = {
    "evaluate --models all": "--images 20 --pairs 20 --repeats 2",
    "evaluate --models my_file.py": f"--images 20 --pairs 20 --repeats 2 --metrics rmse {SIDE}",
    "report --format": "--runs no-runs",
    "report --training": "--runs few",
    "zoo use": "--runs zoo",
}
MY_FILE = """
class Halves:
    def encode(self, images):
        return images / 2

    def decode(self, latents):
        return latents


def make_model():
    return Halves()
"""
# Files that parsed examples name.
FILES = ("36200000_state", "netE.pt", "netG.pt", "model.pt", "FILE")


def examples() -> Iterator[str]:
    """Without the word genbench: of every help text, then of README, each once."""
    found = [line for command in _commands(main, []) for line in _lines(command.help or "")]
    readme = README.read_text(encoding="utf-8")
    found += re.findall(r"^    (?:pip install \. && )?genbench (.+)$", readme, re.M)
    found += re.findall(r"`genbench ([^`\n]+)`", readme)
    yield from dict.fromkeys(line.strip() for line in found)


def _commands(command: click.Command, path: list[str]) -> Iterator[click.Command]:
    yield command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from _commands(inner, [*path, name])


def _lines(text: str) -> list[str]:
    return re.findall(r"^\s*genbench (.+)$", text, re.M)


def reason(example: str) -> str | None:
    """Why it is not carried out; None where it is."""
    return next((why for start, why in ONLY_PARSED.items() if example.startswith(start)), None)


def run(line: str) -> Result:
    return CliRunner().invoke(main, shlex.split(line), catch_exceptions=True)


def _copy(source: Path, name: str, number: int) -> None:
    """A run under another name and id."""
    target = source.parent / name
    shutil.copytree(source, target)
    facts = json.loads((target / "run.json").read_text())
    facts["id"] = f"{number:012x}"
    (target / "run.json").write_text(json.dumps(facts))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what the examples name: runs, tables of seven versions, files."""
    folder = tmp_path_factory.mktemp("examples")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("GENBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        patch.delenv("GENBENCH_WEIGHTS", raising=False)
        for line in (
            f"pca --preset tiny --set latent=8 --name pca {SIDE}",
            f"pioneer --name pioneer {SMALL} {SIDE}",
        ):
            assert run(f"train {line}").exit_code == 0
        assert run("data prepare toyfaces:240 --resolution 16").exit_code == 0
        for number, name in enumerate(["vae", "age-celeba-64"]):
            _copy(Path("runs/pca"), name, number)
        for number, name in enumerate(["celeba-64", "toyfaces-32"], start=9):
            _copy(Path("runs/pioneer"), f"pioneer-{name}", number)
        _copy(Path("runs/pioneer"), "balanced-pioneer-toyfaces-32", 12)
        done = run("evaluate --metrics rmse,psnr,swd --images 20 --repeats 2")
        assert done.exit_code == 0, done.output
        records = Store("results").read(values=True)
        for again in range(6):
            Store("results").append([_later(record, again) for record in records], "again")
        Store("other").append([dataclasses.replace(r, evaluation="o") for r in records], "other")
        assert run("figure attributes pca --attribute smile --out attributes.png").exit_code == 0
        shutil.copytree("runs/pioneer", "few/pioneer")
        Path("my_file.py").write_text(MY_FILE, encoding="utf-8")
        for kind in ("smiling", "serious", "real", "fake", "originals", "reconstructions"):
            Path(kind).mkdir()
            for shade in range(3):
                Image.new("RGB", (16, 16), (80 * shade, 40, 40)).save(f"{kind}/{shade}.png")
    return folder


def _later(record: Record, again: int) -> Record:
    """As if it had been measured once more, a little otherwise."""
    value = None if record.value is None else record.value * (1 + again / 100)
    time = f"2100-01-01T00:00:0{again}+00:00"
    return dataclasses.replace(record, evaluation=f"again {again}", time=time, value=value)


def there(example: str) -> str:
    """The example with the names that things have in this place, and with fewer images."""
    for start, options in SMALLER.items():
        if example.startswith(start):
            example = f"{example} {options}"
    for name, here in NAMED.items():
        example = re.sub(rf"(?<![\w-]){name}(?!\w)", here, example)
    if example.startswith("table protocol"):
        ids = [record.protocol_id for record in Store("results").read() if record.protocol_id]
        return example.replace("3f2a", next(one for one in ids if one))
    return example


@pytest.mark.parametrize("example", [e for e in examples() if reason(e) is None])
def test_an_example_does_what_it_says(
    example: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    monkeypatch.delenv("GENBENCH_WEIGHTS", raising=False)  # a number of fid takes a minute

    result = run(there(example))

    assert result.exit_code == 0, result.output
    assert result.stdout.strip()


@pytest.mark.parametrize("example", [e for e in examples() if reason(e)])
def test_an_example_that_takes_long_is_a_command(
    example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Right command, known options, values of the right kind; the command itself is left out."""
    monkeypatch.chdir(tmp_path)
    for name in FILES:
        Path(name).touch()
    monkeypatch.setattr(click.Command, "invoke", lambda self, ctx: None)

    result = run(example)

    assert result.exit_code == 0, result.output


def test_no_reason_has_lost_its_example() -> None:
    for start in ONLY_PARSED:
        assert any(example.startswith(start) for example in examples()), start


def test_parsing_is_strict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(click.Command, "invoke", lambda self, ctx: None)

    for line in ("train pioneer --no-such-option", "train pioneer --minutes many", "trian"):
        assert run(line).exit_code == 2, line


def test_the_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it stands there, but on fewer faces."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    yours, runs = ({} for _ in blocks)

    for block, names in zip(blocks, (yours, runs), strict=True):
        exec(block.replace('"toyfaces"', '"toyfaces:120"').replace(": 500", ": 20"), names)

    values = yours["frame"].set_index(["model", "score"])["value"]
    assert 0 < values["pioneer", "rmse"] < 128
    assert values["pioneer", "fd_toynet"] > 0
    assert 0 < values["mine", "rmse"] < 128
    assert runs["rebuilt"].shape == runs["images"].shape == (16, 3, 32, 32)


def test_a_shell_completes_commands_and_options() -> None:
    """As the README's line has it, which asks the program in this way at every tab."""
    for words, completed in (
        ("genbench tr", "train"),
        ("genbench zoo us", "use"),
        ("genbench train --pre", "--preset"),
    ):
        asked = {
            "_GENBENCH_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(words.count(" ")),
        }
        result = CliRunner().invoke(main, env=asked, prog_name="genbench")
        assert f"plain,{completed}" in result.stdout.splitlines(), words
