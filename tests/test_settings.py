"""Settings in layers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from genbench.errors import BadInput, BadSetting
from genbench.settings import Layer, parse_assignments, read_layer, resolve


@dataclass(frozen=True, kw_only=True)
class Settings:
    latent: int = 64
    lr: float = 1e-3
    name: str = "a"
    growing: bool = True
    images: int | None = None
    betas: tuple[float, ...] = (0.0, 0.99)


def test_later_layers_win_and_every_value_knows_its_source() -> None:
    layers = [
        Layer("preset tiny", {"latent": 8, "lr": 0.5}),
        Layer("file a.yaml", {"lr": "1e-4"}),
        parse_assignments(["growing=false", "images=12"]),
    ]

    resolved = resolve(Settings, layers, "model")

    assert resolved.values == Settings(latent=8, lr=1e-4, growing=False, images=12)
    assert resolved.sources == {
        "latent": "preset tiny",
        "lr": "file a.yaml",
        "name": "default",
        "growing": "--set",
        "images": "--set",
        "betas": "default",
    }
    assert resolved.describe()["lr"] == {"value": 1e-4, "source": "file a.yaml"}


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("lr=1e-3", "lr", 1e-3),  # YAML 1.1 takes this for text
        ("lr=2", "lr", 2.0),
        ("images=null", "images", None),
        ("name=3", "name", "3"),
        ("betas=[0, 0.9]", "betas", (0.0, 0.9)),
        ("growing=no", "growing", False),
    ],
)
def test_text_becomes_what_the_field_wants(text: str, name: str, value: object) -> None:
    found = getattr(resolve(Settings, [parse_assignments([text])], "model").values, name)

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("latnet=3", "model has no setting 'latnet' (from --set). Did you mean latent?"),
        ("latent=3.5", "model.latent wants int, got 3.5 (from --set)"),
        ("latent=true", "model.latent wants int, got True (from --set)"),
        ("growing=1", "model.growing wants bool, got 1 (from --set)"),
        ("lr=fast", "model.lr wants float, got 'fast' (from --set)"),
        ("lr=[", "model.lr wants float, got '[' (from --set)"),
    ],
)
def test_a_wrong_setting_is_named(text: str, words: str) -> None:
    with pytest.raises(BadSetting) as caught:
        resolve(Settings, [parse_assignments([text])], "model")

    assert words in str(caught.value)


def test_an_assignment_needs_an_equals_sign() -> None:
    with pytest.raises(BadSetting, match="--set takes key=value, got 'latent'"):
        parse_assignments(["latent"])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("- 1\n- 2\n", "must hold lines of the form"),
        ("a: [", "cannot be read"),
        ("!!python/object/apply:os.system ['true']", "cannot be read"),
    ],
)
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(content)

    with pytest.raises(BadInput, match=words):
        read_layer(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nowhere\.yaml does not exist"):
        read_layer(tmp_path / "nowhere.yaml")
