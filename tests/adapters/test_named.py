"""Models that a command line can name: what a file makes, and autoencoders of diffusers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from genbench.adapters import named
from genbench.cli import main
from genbench.errors import BadInput
from genbench.results.store import Store

CPU = torch.device("cpu")
FILE = """
import dataclasses

import neighbour


@dataclasses.dataclass
class Halves:
    factor: float = 0.5

    def encode(self, images):
        return images * self.factor

    def decode(self, latents):
        return latents


def make_model():
    return Halves(neighbour.FACTOR)


def on(device):
    return Halves(0.25 if device.type == "cpu" else 0.75)


def broken():
    raise ValueError("no weights")


ready = Halves(0.125)
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "neighbour.py").write_text("FACTOR = 0.75\n", encoding="utf-8")
    (tmp_path / "my_file.py").write_text(FILE, encoding="utf-8")
    return tmp_path / "my_file.py"


@pytest.mark.parametrize(
    ("name", "factor"), [("make_model", 0.75), ("Halves", 0.5), ("ready", 0.125), ("on", 0.25)]
)
def test_a_function_a_class_or_an_object_is_the_model(file: Path, name: str, factor: float) -> None:
    assert named.load(f"{file}:{name}", CPU).factor == factor
    assert named.title(f"{file}:{name}") == f"my_file:{name}"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("make_modle", "has no make_modle. Did you mean make_model?"),
        ("broken", r"broken\(\) raised ValueError: no weights \(my_file.py:27\)"),
    ],
)
def test_what_makes_no_model_says_why(file: Path, name: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        named.load(f"{file}:{name}", CPU)


def test_a_file_that_fails_says_where(file: Path) -> None:
    file.write_text("import sys\n\nsys.exit(3)\n", encoding="utf-8")

    with pytest.raises(BadInput, match=r"my_file.py raised SystemExit: 3 \(my_file.py:3\)"):
        named.load(f"{file}:make_model", CPU)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("none.py:f", "there is no file none.py"),
        ("diffusers:none", "diffusers:none is no folder"),
        ("diffusers:.", "has no config.json; give the folder of an autoencoder"),
        ("nothing.txt", "neither a run in .* nor FILE.py:NAME"),
    ],
)
def test_what_is_not_there_is_said_before_any_work(
    name: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from genbench.evaluation.candidates import find_candidates

    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=words):
        find_candidates([name], tmp_path / "runs")


def test_a_file_is_measured_from_the_command_line(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    options = ["--metrics", "rmse", "--pairs", "10", "--data", "toyfaces:60", "--resolution", "16"]
    names = "my_file.py:make_model,my_file.py:ready"

    result = CliRunner().invoke(main, ["evaluate", "--models", names, *options])

    assert result.exit_code == 0, result.output
    values = {record.model: record.value for record in Store("results").read()}
    assert values["my_file:make_model"] is not None
    assert values["my_file:ready"] is not None
    assert values["my_file:make_model"] < values["my_file:ready"]
