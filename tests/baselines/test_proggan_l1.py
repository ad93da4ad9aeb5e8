"""ProgGAN/L1: what it takes over, what it moves, and what a code depends on."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from small_parts import rng, same, weights
from small_proggan import SMALL, build, images, size
from waiting import Waits

from genbench import registry
from genbench.errors import BadInput, BadSetting
from genbench.interfaces import (
    Averages,
    Continues,
    Decodes,
    Draws,
    Encodes,
    Generates,
    Interpolates,
)
from genbench.settings import preset_layer, resolve

ProgGANL1: Any = registry.model("proggan_l1")
SHAPE = {name: SMALL[name] for name in ("latent", "fmap_base", "fmap_max")}
GROWN = 320  # images after which the small ProgGAN stands at 8x8


def encoder(resolution: int = 8, **changes: Any) -> Any:
    torch.manual_seed(1)
    settings = ProgGANL1.settings(**{**SHAPE, "batch": 8, "images": 64, **changes})
    return ProgGANL1.build(settings, resolution).train()


def started(**changes: Any) -> tuple[Any, Any]:
    """An encoder, and the ProgGAN it started from."""
    other = build(seen=GROWN).eval()
    model = encoder(**changes)
    model.start_from(other)
    return model, other


def test_it_has_every_capability_and_starts_from_proggan() -> None:
    model = encoder()

    for capability in (Generates, Draws, Encodes, Decodes, Interpolates, Continues):
        assert isinstance(model, capability)
    assert ProgGANL1.starts_from == "proggan"


def test_the_encoder_is_the_discriminator_without_its_last_layer() -> None:
    """512 weights and a bias less at the published size; the same vectors at the start."""
    with torch.device("meta"):
        assert size(ProgGANL1.build(ProgGANL1.settings(), 64).encoder) == 22_498_049 - 513
    model, other = started(mates="keep")
    x = images().images
    scores, activations = other.discriminator.judge(x, 1)
    expected = F.normalize(activations, dim=1) * 8**0.5

    assert torch.allclose(model.encode(x), expected, atol=1e-6)
    assert torch.equal(other.discriminator.score(activations)[:, 0], scores)


def test_samples_are_those_of_the_proggan_run() -> None:
    model, other = started()

    assert torch.equal(model.draw(4, rng()), other.draw(4, rng()))
    assert torch.equal(model.sample(4, rng()), other.sample(4, rng()))


def test_training_leaves_the_generator_bit_identical_and_moves_the_encoder() -> None:
    model, other = started()
    start = copy.deepcopy(model.generator.state_dict())
    before = weights(model.encoder)
    for seed in range(4):
        model.step(images(seed=seed), rng())

    assert all(torch.equal(start[k], v) for k, v in model.generator.state_dict().items())
    assert all(torch.equal(start[k], v) for k, v in other.generator.state_dict().items())
    assert all(w.grad is None and not w.requires_grad for w in model.generator.parameters())
    assert not same(before, weights(model.encoder))
    assert same(weights(other.discriminator.head), weights(started()[1].discriminator.head))


def test_loss_is_the_mean_absolute_error() -> None:
    model, _ = started()
    x = images().images
    with torch.no_grad():
        expected = (x - model.decode(model.encode(x))).abs().mean()

    assert float(model.step(images(), rng())["l1"]) == pytest.approx(float(expected), rel=1e-5)


def test_it_learns_images_that_its_generator_can_make() -> None:
    """The mean absolute error on samples falls by a quarter in 200 steps; a fifth is asked."""
    model, _ = started(lr=3e-3)
    errors = []
    for k in range(200):
        with torch.no_grad():
            x = model.sample(8, rng(k))
        batch = images()
        errors.append(float(model.step(type(batch)(x, batch.index), rng())["l1"]))

    assert sum(errors[-20:]) < 0.8 * sum(errors[:20])


def test_codes_have_norm_root_d_before_or_after_the_activation() -> None:
    """LeakyReLU commutes with a positive factor, so one follows from the other."""
    x = images().images
    after, before = (
        started(latent_from=place)[0].encode(x) for place in ("activation", "pre_activation")
    )

    for codes in (after, before):
        assert torch.allclose(codes.norm(dim=1), torch.full((8,), 8**0.5), atol=1e-5)
    expected = F.normalize(F.leaky_relu(before, 0.2), dim=1) * 8**0.5
    assert torch.allclose(after, expected, atol=1e-5)
    assert not torch.allclose(after, before, atol=1e-2)


def test_codes_do_not_depend_on_the_batch_unless_asked_to() -> None:
    x = images(8).images
    for mates, alike in (("zero", True), ("keep", False)):
        model, _ = started(mates=mates)
        with torch.no_grad():
            alone = torch.cat([model.encode(row[None]) for row in x])
            assert torch.allclose(model.encode(x), alone, atol=1e-5) == alike


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"latent": 4, "fmap_max": 4},
            "asked for latent 4, but the proggan run .* has 8; give --set latent=8",
        ),
        ({"fmap_base": 128}, "fmap_base 128, but the proggan run to start from has 64"),
        ({"res_block_g": True}, "res_block_g True, but .* has False; give --set res_block_g=False"),
        ({"stddev_group": 8}, "stddev_group 8, but"),
    ],
)
def test_a_run_of_another_shape_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        encoder(**change).start_from(build(seen=GROWN))


def test_a_run_of_another_resolution_is_refused() -> None:
    with pytest.raises(BadInput, match=r"resolution 16, but .* give --resolution 8"):
        encoder(16).start_from(build(seen=GROWN))


def test_a_run_that_has_not_grown_up_is_refused() -> None:
    with pytest.raises(BadInput, match=r"grown to 8x8, but this one stands at 4x4 after 0 images"):
        encoder().start_from(build(seen=0))
    with pytest.raises(BadInput, match=r"stands at 8x8 fade after 96 images; .* --resume RUN"):
        encoder().start_from(build(seen=96))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"latent": 7}, "proggan_l1.latent wants 8, the width of .*, got 7"),
        ({"batch": 0}, "proggan_l1.batch wants at least 1, got 0"),
        ({"latent_from": "score"}, "latent_from wants activation or pre_activation, got score"),
        ({"mates": "drop"}, "mates wants zero or keep, got drop"),
        ({"statistics": ("mean",)}, "proggan_l1.statistics wants some of"),
    ],
)
def test_settings_out_of_range_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BadSetting, match=message):
        encoder(**change)


@pytest.mark.parametrize("preset", ProgGANL1.presets)
def test_presets_fit_the_proggan_of_the_same_name(preset: str) -> None:
    ProgGAN = registry.model("proggan")
    resolution = ProgGANL1.presets[preset].resolution
    mine, theirs = (
        resolve(model.settings, [preset_layer(model, preset, "model")], "model").values
        for model in (ProgGANL1, ProgGAN)
    )
    with torch.device("meta"):
        model, other = ProgGANL1.build(mine, resolution), ProgGAN.build(theirs, resolution)
    other.seen = other.total(1)
    model._refuse_misfit(other)

    assert ProgGAN.presets[preset].resolution == resolution
    assert model.total(1) == (500_000 if preset == "celeba-64" else mine.images)
    assert model.stage(0).batch == (32 if preset == "celeba-64" else 16)


def test_optimiser_has_the_settings_of_proggan() -> None:
    group = encoder(lr=1e-3).optimizers()["encoder"].param_groups[0]

    assert (group["lr"], group["betas"]) == (1e-3, (0.0, 0.99))
    assert not isinstance(encoder(), Averages)


def test_a_step_never_waits_for_the_device() -> None:
    model = encoder()
    with Waits() as waits:
        model.step(images(), rng())

    assert waits.found == []
