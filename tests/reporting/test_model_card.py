"""Cards of models, and the contract run on a stranger's model."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from genbench import published
from genbench.errors import BadInput
from genbench.registry import model, plugin, plugins
from genbench.reporting.model_card import card, comments, parameters
from genbench.runs import build

FOREIGN = '''
"""A stranger's model."""
import dataclasses
from genbench import registry

MODEL = dataclasses.replace(registry.model("pca"), published_as=())

class Grey(MODEL.build):
    def sample(self, n, rng=None):
        return super().sample(n, rng)[:, :1]

BROKEN = dataclasses.replace(MODEL, build=Grey)
'''


@pytest.mark.parametrize("name", plugins("model"))
def test_every_preset_of_a_paper_says_its_source(name: str) -> None:
    ours = {"tiny", "smoke", "quickstart"}
    for preset, about in model(name).presets.items():
        assert (about.source is None) == (preset in ours), preset
        assert about.resolution is not None, preset


@pytest.mark.parametrize("name", plugins("model"))
def test_published_names_are_those_of_the_papers(name: str) -> None:
    known = {row.system for row in published.rows()}

    assert set(model(name).published_as) <= known


def test_a_card_tells_paper_settings_parameters_and_published_numbers() -> None:
    lines = "\n".join(card("pca"))

    assert "Bojanowski" in lines
    assert "latent = 64  d, components used" in lines
    assert "glo-celeba-64: celeba at 64x64; GLO, Table 1" in lines
    assert "PCA  celeba 64x64 test psnr_db: 25.1  [GLO (ICML 2018) Table 1]" in lines


def test_parameters_are_those_of_the_specification() -> None:
    pioneer = build("pioneer", model("pioneer").settings(latent=64), 32, 0)

    # d = 64 at 32x32: the active ones of the specification, and the three older RGB layers.
    assert parameters(pioneer)["generator"] == 324_291 + 3 * (64 * 3 + 3)
    assert parameters(pioneer)["encoder"] == 324_352 + 3 * (3 * 64 + 64)


@dataclass
class Parent:
    width: int = 3  # of the layer


@dataclass
class Child(Parent):
    depth: int = 2  # layers
    plain: int = 1


def test_comments_of_settings_are_read_from_the_source() -> None:
    assert comments(Child) == {"width": "of the layer", "depth": "layers"}


def test_published_numbers_are_as_printed() -> None:
    found = {
        (row.system, row.where, row.metric): (row.value, row.std)
        for row in published.rows()
        if row.source == "Pioneer (ACCV 2018) Table 1"
    }

    assert found["PIONEER", "celeba 64x64", "fid"] == (8.09, 0.05)
    assert found["AGE", "celeba 128x128", "fid"] == (154.79, 0.43)
    assert all(row.protocol and row.source for row in published.rows())


@pytest.fixture
def elsewhere(tmp_path: Path) -> dict[str, str]:
    """Environment of a Python that finds a package with two models of its own."""
    (tmp_path / "strange.py").write_text(FOREIGN)
    info = tmp_path / "strange-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: strange\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[genbench.models]\nmine = strange:MODEL\nbroken = strange:BROKEN\n"
    )
    return os.environ | {"PYTHONPATH": str(tmp_path)}


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("strange/mine", 0, "kept         state survives a round trip"),
        (
            "strange/broken",
            1,
            "broken       samples have the shape of images: strange/broken.sample(5)",
        ),
    ],
)
def test_a_strangers_model_is_checked(
    elsewhere: dict[str, str], name: str, code: int, words: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "genbench", "check", name],
        env=elsewhere,
        capture_output=True,
        text=True,
    )

    assert done.returncode == code, done.stderr
    assert words in done.stdout


@pytest.mark.parametrize("name", plugins("model"))
def test_presets_name_data_sets_that_are_there(name: str) -> None:
    """Whatever a preset trains on is a source of the registry, and its options exist."""
    for preset in model(name).presets.values():
        source, _, argument = (preset.data or "toyfaces").partition(":")
        opener = plugin("dataset", source).load().open
        if argument:
            with pytest.raises(BadInput, match="--data-dir"):  # only the files are missing
                opener(argument, None)
