"""ALI: the game, that both sides move at once, and its use."""

from __future__ import annotations

import dataclasses
import math
from importlib import import_module
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from small_ali import build, images, published, rng, weights
from torch import Tensor, nn

from genbench.errors import BadSetting
from genbench.interfaces import Prepares

nets: Any = import_module("genbench.baselines._parts.ali_networks")
LOG_2 = math.log(2)


class Split:
    """A training split of noise about a mean image."""

    def __init__(self, n: int = 700) -> None:
        self.mean = torch.linspace(20, 230, 3 * 16 * 16).view(3, 16, 16)
        noise = torch.randint(-20, 21, (n, 3, 16, 16), generator=rng())
        self.images = (self.mean + noise).to(torch.uint8)

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: Tensor) -> Tensor:
        return self.images[rows]


# --- the game


class Answers(nn.Module):
    """A discriminator that says a number per pair, and keeps what it was asked."""

    def __init__(self, real: float, fake: float) -> None:
        super().__init__()
        self.real, self.fake = nn.Parameter(torch.tensor(real)), nn.Parameter(torch.tensor(fake))
        self.asked: list[tuple[Tensor, Tensor]] = []

    def forward(self, x: Tensor, z: Tensor, _: Any) -> Tensor:
        self.asked.append((x.detach(), z.detach()))
        n = len(x) // 2
        mute = 0 * (x.flatten(1).sum(1) + z.sum(1))
        return torch.cat([self.real.expand(n), self.fake.expand(n)]) + mute


def with_answers(real: float, fake: float) -> Any:
    model = build()
    model.discriminator = Answers(real, fake)
    answers = [*model.discriminator.parameters()]
    model._optimizers["discriminator"] = torch.optim.Adam(answers, lr=0.1)
    return model


@pytest.mark.parametrize(("real", "fake"), [(0.0, 0.0), (2.0, -1.0), (-0.5, 3.0)])
def test_losses_are_those_of_swapped_labels(real: float, fake: float) -> None:
    """2 log 2 where it cannot tell; in general log(1 + e^t) of the right sign."""
    scores = with_answers(real, fake).step(images(), rng())
    soft = lambda t: math.log1p(math.exp(t))  # noqa: E731

    assert float(scores["discriminator_loss"]) == pytest.approx(soft(-real) + soft(fake))
    assert float(scores["autoencoder_loss"]) == pytest.approx(soft(real) + soft(-fake))
    if real == fake == 0:
        assert float(scores["discriminator_loss"]) == pytest.approx(2 * LOG_2)


def test_discriminator_sees_all_pairs_in_one_pass() -> None:
    """2B of them, the real ones first; images in [0, 1]."""
    model, batch = with_answers(0.0, 0.0), images(6)
    model.step(batch, rng())
    ((x, z),) = model.discriminator.asked

    assert (len(x), len(z)) == (12, 12)
    assert torch.allclose(x[:6], (batch.images + 1) / 2)
    assert x.min() >= 0
    assert x.max() <= 1
    first = torch.randn(6, model.settings.latent, generator=rng())
    assert torch.equal(z[6:], first)


def test_instance_noise_is_on_all_images_of_the_discriminator() -> None:
    """Real and generated alike; 4 % is four errors of 12 x 768 draws."""
    model, plain = with_answers(0.0, 0.0), with_answers(0.0, 0.0)
    model.settings = dataclasses.replace(model.settings, instance_noise=0.3)
    for each in (model, plain):
        each.step(images(6), rng())
    added = model.discriminator.asked[0][0] - plain.discriminator.asked[0][0]

    assert float(added[:6].std()) == pytest.approx(0.3, rel=0.04)
    assert float(added[6:].std()) == pytest.approx(0.3, rel=0.04)


def test_both_sides_move_at_once_from_the_same_weights() -> None:
    """Against each side's own step on a copy, where the other was not yet updated."""
    model, alone = build(), build()
    before = weights(alone)
    x, draws = (images().images + 1) / 2, rng()
    z = torch.randn(6, 32, generator=draws)
    mean, log_sigma = alone.encoder(x).flatten(1).chunk(2, 1)
    code = mean + log_sigma.exp() * torch.randn(6, 32, generator=draws)
    logits = alone.discriminator(torch.cat([x, alone.decoder(z)]), torch.cat([code, z]), draws)
    real, fake = logits.chunk(2)
    loss_d = (F.softplus(-real) + F.softplus(fake)).mean()
    loss_g = (F.softplus(real) + F.softplus(-fake)).mean()
    own = [[*alone.discriminator.parameters()]]
    own.append([*alone.encoder.parameters(), *alone.decoder.parameters()])
    pushes = [
        torch.autograd.grad(loss, side, retain_graph=True)
        for loss, side in zip((loss_d, loss_g), own, strict=True)
    ]
    model.step(images(), rng())

    theirs = [[*model.discriminator.parameters()]]
    theirs.append([*model.encoder.parameters(), *model.decoder.parameters()])
    for side, push in zip(theirs, pushes, strict=True):
        assert all(torch.allclose(w.grad, g, atol=1e-7) for w, g in zip(side, push, strict=True))
        assert all(g.abs().sum() > 0 for g in push)  # the gradient reaches both networks
    assert all(torch.equal(a, b) for a, b in zip(before, weights(alone), strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(before, weights(model), strict=True))


def test_optimisers_have_the_published_settings() -> None:
    """The paper's tables print 10^-3 for 1 - beta2; one side may have a rate of its own."""
    slow = build(lr=1e-3, discriminator_lr=2e-4).optimizers()
    assert {name: adam.param_groups[0]["lr"] for name, adam in slow.items()} == {
        "discriminator": 2e-4,
        "autoencoder": 1e-3,
    }
    for adam in published("celeba-64").optimizers().values():
        group = adam.param_groups[0]
        assert (group["lr"], group["betas"], group["eps"]) == (1e-4, (0.5, 0.999), 1e-8)
        assert group["weight_decay"] == 0


# --- use


def test_untrained_decoder_gives_about_the_mean_image() -> None:
    """To a grey level and a half: the mean is over 500 of the images, the weights are small."""
    model, split = build(weight_std=0.01), Split()
    is_prepared = isinstance(model, Prepares)
    assert is_prepared
    model.prepare(split, rng())
    model.eval()
    with torch.no_grad():
        levels = (model.sample(4, rng()) + 1) * 127.5

    assert (levels - split.mean).abs().mean() < 1.5
    assert "decoder.bias" in model.state_dict()


def test_mean_image_may_be_black_or_white() -> None:
    """Clipped to [1e-7, 1 - 1e-7] before the log-odds."""
    model, split = build(), Split(5)
    split.images[:] = 0
    split.images[:, :, :8] = 255
    model.prepare(split, rng())

    assert model.decoder.bias.detach().abs().max() == pytest.approx(math.log(1e7), rel=1e-3)


def test_codes_are_the_mean_unless_a_draw_is_asked_for() -> None:
    model, x = build().eval(), images(2).images
    with torch.no_grad():
        mean, logvar = model.posterior(x)
        draws = model.sample_code(x.repeat(1000, 1, 1, 1), rng()).view(1000, 2, 32)

    assert torch.equal(model.encode(x), mean)
    assert not torch.equal(draws[0], draws[1])
    # sigma is exp of what the encoder says, not of half of it; four errors of 1000 draws
    log_sigma = model.encoder((x + 1) / 2).detach().flatten(1)[:, 32:]
    assert torch.allclose(logvar, 2 * log_sigma)
    assert torch.allclose(draws.std(0), log_sigma.exp(), rtol=0.09)
    assert ((draws.mean(0) - mean) / log_sigma.exp()).abs().max() < 0.14


def test_drawn_codes_belong_to_their_image() -> None:
    """Setting codes: sampled; the same in any batch, other noise for other images."""
    model, x = build(codes="sampled").eval(), images().images
    with torch.no_grad():
        codes = model.encode(x)
        noise = (codes - model.posterior(x).mean) / (model.posterior(x).logvar / 2).exp()
        split = torch.cat([model.encode(part) for part in x.split(4)])

    assert torch.allclose(codes, split, atol=1e-5)
    assert 0.8 < noise.std() < 1.2
    assert (noise[0] - noise[1]).abs().max() > 0.1


def test_images_go_in_and_out_between_minus_one_and_one() -> None:
    model = build().eval()
    with torch.no_grad():
        out = model.decode(10 * model.draw(4, rng()))
        assert torch.equal(
            model.decoder(torch.zeros(1, 32)) * 2 - 1, model.decode(torch.zeros(1, 32))
        )

    assert out.abs().max() <= 1
    assert torch.equal(model.interpolate(out.flatten(1), -out.flatten(1), 0.5), 0 * out.flatten(1))


# --- settings


def test_running_average_is_kept_only_where_asked_for() -> None:
    """The original has none."""
    assert not published("celeba-64").averaged()
    assert set(build(average_decay=0.98).averaged()) == {"encoder", "decoder"}
    assert build(average_decay=0.98).average_decay() == 0.98


def test_published_lengths() -> None:
    lengths = {name: published(name).total(1000) for name in ("celeba-64", "svhn-32", "cifar10-32")}

    assert lengths == {"celeba-64": 123_000, "svhn-32": 100_000, "cifar10-32": 6_475_000}
    assert published("celeba-64").stage(0).batch == 100
    assert build(images=77).total(1000) == 77


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"latent": 0}, "ali.latent wants at least 1, got 0; change it with --set latent="),
        ({"width": 0.01}, "ali.width wants at least 0.0625"),
        ({"batch": 1}, "ali.batch wants at least 2"),
        ({"mean_images": 0}, "ali.mean_images wants at least 1"),
        ({"dropout_data": 1.0}, "ali.dropout_data wants 0 to less than 1"),
        ({"dropout_features": -0.1}, "ali.dropout_features wants 0 to less than 1"),
        ({"average_decay": 1.5}, "ali.average_decay wants 0 to 1"),
        ({"norm_momentum": 0.0}, "ali.norm_momentum wants more than 0 and up to 1"),
        ({"instance_noise": -1.0}, "ali.instance_noise wants at least 0"),
        ({"maxout_after": True}, "ali.maxout_after wants maxout"),
        ({"codes": "mode"}, "ali.codes wants mean or sampled, got mode"),
    ],
)
def test_settings_out_of_range_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BadSetting, match=message):
        build(**change)


def test_other_resolutions_are_refused() -> None:
    with pytest.raises(BadSetting, match="no layout for 128x128; choose --resolution from 16, 32"):
        build(128)
