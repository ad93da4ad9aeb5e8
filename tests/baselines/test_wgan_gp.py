"""WGAN-GP: its losses, what moves when, and its settings."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from small_parts import rng, same, weights
from small_proggan import images
from torch import Tensor, nn
from waiting import Waits

from genbench import registry
from genbench.errors import BadSetting
from genbench.interfaces import Encodes
from genbench.settings import Layer, resolve

WGANGP: Any = registry.model("wgan_gp")


def build(**changes: Any) -> Any:
    torch.manual_seed(0)
    small = {"latent": 6, "base": 4, "batch": 4, "critic_steps": 2}
    return WGANGP.build(WGANGP.settings(**{**small, **changes}), 16).train()


def test_critic_loss_is_the_published_one() -> None:
    """E[D(G(z)) - D(x)] + 10 E[(n - 1)^2], drawn again; then the generator's on fresh latents."""
    model, draws = build(lr=0.0, critic_steps=1), rng()
    real = images(4, 16).images
    fake = model.generator(torch.randn(4, 6, generator=draws)).detach()
    u = torch.rand(4, 1, 1, 1, generator=draws)
    points = ((1 - u) * real + u * fake).requires_grad_()
    (slopes,) = torch.autograd.grad(model.critic(points).sum(), points)
    norms = slopes.square().sum((1, 2, 3)).sqrt()
    distance = model.critic(real).mean() - model.critic(fake).mean()
    expected = 10 * (norms - 1).square().mean() - distance
    other = model.generator(torch.randn(4, 6, generator=draws))
    scores = model.step(images(4, 16), rng())

    assert float(scores["critic_loss"]) == pytest.approx(float(expected.detach()), rel=1e-4)
    assert float(scores["wasserstein"]) == pytest.approx(
        float(distance.detach()), rel=1e-3, abs=1e-6
    )
    loss = -model.critic(other).mean().detach()
    assert float(scores["generator_loss"]) == pytest.approx(float(loss), rel=1e-3, abs=1e-6)


def test_critic_moves_for_each_part_and_the_generator_once() -> None:
    model = build()
    order: list[str] = []
    before = weights(model.generator)

    def note(name: str) -> Any:
        def hook(*_: Any) -> None:
            order.append(name)
            if name == "critic":
                assert same(before, weights(model.generator))
                slopes[:] = [w.grad.clone() for w in model.critic.parameters()]

        return hook

    slopes: list[Tensor] = []
    for name, optimizer in model.optimizers().items():
        optimizer.register_step_post_hook(note(name))
    model.step(images(8, 16), rng())

    assert order == ["critic", "critic", "generator"]
    assert same(slopes, [w.grad for w in model.critic.parameters()])
    assert not same(before, weights(model.generator))


def test_critic_has_no_norm_and_an_image_its_own_score() -> None:
    model = build()
    x = images(4, 16).images
    alone = torch.cat([model.critic(row[None]) for row in x])

    assert not any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in model.critic.modules())
    assert torch.allclose(model.critic(x), alone, atol=1e-6)


def test_critic_can_be_differentiated_twice() -> None:
    """Its activations work in place; against finite differences, in float64."""
    model = build()
    critic = model.critic.double()
    x = images(2, 16).images.double().requires_grad_()

    def steep(points: Tensor) -> Any:
        return (critic(points) * 1e3).square()

    assert torch.autograd.gradgradcheck(steep, (x,), fast_mode=True)


def test_published_settings() -> None:
    """Algorithm 1: lambda 10, 5 critic updates, lr 1e-4, betas 0 and 0.9."""
    settings = WGANGP.settings()

    assert (settings.gp_weight, settings.critic_steps, settings.lr) == (10, 5, 1e-4)
    assert settings.betas == (0.0, 0.9)
    assert settings.images == 200_000 * 5 * 64
    assert not isinstance(build(), Encodes)


@pytest.mark.parametrize("preset", WGANGP.presets)
def test_presets_resolve_and_fit_their_resolution(preset: str) -> None:
    layers = [Layer(f"preset {preset}", WGANGP.presets[preset].settings)]
    settings = resolve(WGANGP.settings, layers, "wgan_gp").values
    with torch.device("meta"):
        model = WGANGP.build(settings, WGANGP.presets[preset].resolution)

    assert model.stage(0).batch == settings.batch * settings.critic_steps


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(BadSetting, match=r"wgan_gp.critic_steps wants at least 1, got 0; change"):
        build(critic_steps=0)
    with pytest.raises(BadSetting, match="wgan_gp doubles from 4x4 and has no resolution 4"):
        WGANGP.build(WGANGP.settings(), 4)


def test_a_short_last_batch_does_no_harm() -> None:
    model = build()

    assert all(score.isfinite() for score in model.step(images(5, 16), rng()).values())


def test_a_step_never_waits_for_the_device() -> None:
    model = build()
    with Waits() as waits:
        model.step(images(8, 16), rng())

    assert waits.found == []
