"""IntroVAE: capabilities, schedule, presets, settings."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from small_introvae import IntroVAE, build
from small_parts import images, rng
from torch import Tensor

from genbench.errors import BadSetting
from genbench.interfaces import Decodes, Draws, Encodes, Generates, Interpolates, Stage
from genbench.settings import preset_layer, resolve


def preset(name: str) -> Any:
    layers = [preset_layer(IntroVAE, name, "introvae")]
    return resolve(IntroVAE.settings, layers, "introvae").values


def test_it_has_every_capability() -> None:
    for capability in (Generates, Draws, Encodes, Decodes, Interpolates):
        assert isinstance(build(), capability)


def test_networks_speak_zero_to_one() -> None:
    """-1 is shown to the encoder as 0 and 1 as 1; what the generator says is taken back."""
    model = build().eval()
    shown: list[Tensor] = []
    model.encoder.register_forward_pre_hook(lambda _, given: shown.append(given[0]))
    model.encode(torch.full((1, 3, 16, 16), -1.0))
    model.encode(torch.full((1, 3, 16, 16), 1.0))
    z = model.draw(2, rng())

    assert [float(x.mean()) for x in shown] == [0.0, 1.0]
    assert torch.equal(model.decode(z), 2 * model.generator(z) - 1)


def test_codes_are_the_means() -> None:
    model = build().eval()
    numbers = model.encoder((images().images + 1) / 2)

    assert torch.equal(model.encode(images().images), numbers[:, :6])


def test_draws_are_standard_normal_and_ways_are_straight() -> None:
    model = build()
    z = model.draw(20_000, rng())

    assert float(z.mean()) == pytest.approx(0, abs=0.015)  # 5 errors of 120 000 draws
    assert float(z.var()) == pytest.approx(1, abs=0.021)
    a, b = z[:3], z[3:6]
    assert torch.allclose(model.interpolate(a, b, 0.25), 0.75 * a + 0.25 * b)


def test_stages_and_length() -> None:
    model = build(warmup=80, batch=8)

    assert model.stage(79) == Stage("warm-up", 16, 1.0, 8)
    assert model.stage(80) == Stage("train", 16, 1.0, 8)
    assert model.total(1000) == 500_000
    assert build(images=777).total(1000) == 777


def test_optimisers_have_the_published_settings() -> None:
    """The release's other beta, clip and second rate are options that it never uses."""
    for adam in build().optimizers().values():
        group = adam.param_groups[0]
        assert (group["lr"], group["betas"], group["eps"], group["weight_decay"]) == (
            2e-4,
            (0.9, 0.999),
            1e-8,
            0,
        )


def test_every_weight_is_in_one_optimiser() -> None:
    """A port leaves out the layer that makes means and variances."""
    model = build()
    held = [w for adam in model.optimizers().values() for w in adam.param_groups[0]["params"]]

    assert {id(w) for w in held} == {id(w) for w in model.parameters()}
    assert len(held) == len(list(model.parameters()))


# d, m, weights of the terms of encoder and generator, of the squared error, batch, warm-up
PUBLISHED = {
    "paper-1024": (512, 90, 0.25, 0.25, 0.0025, 8, 58_000),
    "paper-256": (512, 120, 0.25, 0.25, 0.05, 32, 58_000),
    "paper-128": (256, 110, 0.25, 0.25, 0.5, 64, 325_540),
    "code-256-a": (512, 120, 0.25, 0.5, 0.05, 16, 0),
    "code-256-b": (512, 1000, 0.25, 0.5, 1.0, 16, 290_000),
    "code-1024": (512, 500, 0.5, 0.5, 0.01, 12, 87_000),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_presets_have_the_published_coefficients(name: str) -> None:
    s = preset(name)

    assert PUBLISHED[name] == (
        s.latent,
        s.margin,
        s.encoder_weight,
        s.generator_weight,
        s.beta,
        s.batch,
        s.warmup,
    )


@pytest.mark.parametrize(
    ("name", "encoder", "generator"),
    [
        ("paper-1024", 27_445_328, 20_903_859),
        ("code-1024", 27_445_328, 20_903_859),
        ("paper-256", 27_376_960, 20_939_459),
        ("code-256-a", 22_711_456, 16_190_819),
        ("paper-128", 18_461_504, 14_121_667),
        ("celeba-64", 11_643_456, 8_352_451),
        ("cifar10-32", 2_858_432, 2_120_387),
        ("tiny", 212_880, 150_963),
    ],
)
def test_presets_have_the_published_sizes(name: str, encoder: int, generator: int) -> None:
    with torch.device("meta"):
        model = IntroVAE.build(preset(name), IntroVAE.presets[name].resolution)

    assert sum(w.numel() for w in model.encoder.parameters()) == encoder
    assert sum(w.numel() for w in model.generator.parameters()) == generator


def test_released_shortcuts_are_a_setting() -> None:
    settings = IntroVAE.settings(**IntroVAE.presets["code-1024"].settings, released_shortcuts=True)
    with torch.device("meta"):
        model = IntroVAE.build(settings, 1024)

    assert sum(w.numel() for w in model.encoder.parameters()) == 27_969_616
    assert sum(w.numel() for w in model.generator.parameters()) == 21_428_147


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"margin": None},
            "introvae.margin wants a number where there is no warm-up to learn it from, got None; "
            "change it with --set margin=...",
        ),
        (
            {"hinge": "both"},
            "introvae.hinge wants batch or image, got both; change it with --set hinge=...",
        ),
        (
            {"norm": "none"},
            "introvae.norm wants batch or group, got none; change it with --set norm=...",
        ),
        (
            {"channels": (8,)},
            "introvae.channels wants 2 numbers at 16x16, one for each halving down to 4x4, "
            "got (8,); change it with --set channels=...",
        ),
        (
            {"latent": 0},
            "introvae.latent wants at least 1, got 0; change it with --set latent=...",
        ),
    ],
)
def test_settings_that_cannot_work_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(BadSetting) as caught:
        build(**changes)
    assert str(caught.value) == words


@pytest.mark.parametrize("resolution", [4, 24, 3])
def test_resolutions_that_cannot_work_are_refused(resolution: int) -> None:
    with pytest.raises(BadSetting) as caught:
        build(resolution=resolution)
    assert str(caught.value) == (
        f"introvae works at 8x8, 16x16, ... 1024x1024, not at {resolution}x{resolution}; "
        "choose another --resolution"
    )
