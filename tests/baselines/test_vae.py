"""The VAE of the GLO paper: its loss, sizes, codes, settings."""

from __future__ import annotations

import copy
from importlib import import_module
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from waiting import Waits

from genbench import registry
from genbench.errors import BadSetting
from genbench.interfaces import Batch, Decodes, Draws, Encodes, Generates, Interpolates

VAE: Any = registry.model("vae")
lap1: Any = import_module("genbench.baselines._parts.laplacian_loss").lap1
SMALL = {"latent": 5, "base": 8, "batch": 6}


def build(seed: int = 0, resolution: int = 16, **changes: Any) -> Any:
    torch.manual_seed(seed)
    return VAE.build(VAE.settings(**{**SMALL, **changes}), resolution).train()


def images(n: int = 6, seed: int = 5) -> Batch:
    coarse = torch.randn(n, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    smooth = F.interpolate(coarse, (16, 16), mode="bilinear")
    return Batch(smooth.tanh(), torch.arange(n))


def rng(seed: int = 7) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def error(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).detach().square().mean((1, 2, 3))


def test_it_has_every_capability() -> None:
    for capability in (Generates, Draws, Encodes, Decodes, Interpolates):
        assert isinstance(build(), capability)


@pytest.mark.parametrize("channels", [1, 3])
def test_loss_and_gradient_are_the_bound_over_the_numbers_in_an_image(channels: int) -> None:
    """Against (sum of squares + C H W Lap1 + KL) / (C H W), written out, in float64."""
    model = build(channels=channels, kl_weight=0.5).double()
    twin = copy.deepcopy(model)
    x = images().images.double()
    loss = model.step(Batch(x, torch.arange(6)), rng())["loss"]
    x = x.mean(1, keepdim=True) if channels == 1 else x
    mean, logvar = twin.encoder(x).chunk(2, dim=1)
    y = twin.decoder(mean + (logvar / 2).exp() * torch.randn(6, 5, generator=rng()))
    kl = (mean.square() + logvar.exp() - 1 - logvar).sum(1) / 2
    numbers = channels * 16 * 16
    sums = (x - y).square().sum((1, 2, 3)) + numbers * lap1(y, x) + 0.5 * kl
    expected = sums.mean() / numbers
    expected.backward()

    assert loss == pytest.approx(expected.item(), rel=1e-12)
    for ours, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-8, atol=1e-15)


def test_squared_error_alone_is_a_setting() -> None:
    """As for MNIST."""
    scores = build(lap1_weight=0.0, kl_weight=0.0).step(images(), rng())

    assert scores["loss"] == scores["l2"]
    assert "lap1" not in scores


@pytest.mark.parametrize(
    ("preset", "decoder", "discriminator"),
    [
        ("glo-mnist-32", 788_352, 661_248),
        ("glo-svhn-32", 921_472, 663_296),
        ("glo-celeba-64", 4_854_656, 2_765_568),
        ("glo-lsun-128", 15_342_464, 11_164_416),
    ],
)
def test_sizes(preset: str, decoder: int, discriminator: int) -> None:
    """Published for generator and discriminator; the encoder has a head of 2 d for one of 1."""
    settings = VAE.settings(**VAE.presets[preset].settings)
    with torch.device("meta"):
        model = VAE.build(settings, VAE.presets[preset].resolution)
    head = model.encoder[-2].in_channels * 16

    assert sum(w.numel() for w in model.decoder.parameters()) == decoder
    expected = discriminator + (2 * settings.latent - 1) * head
    assert sum(w.numel() for w in model.encoder.parameters()) == expected


def test_codes_are_the_means() -> None:
    model = build().eval()
    x = images().images

    assert torch.equal(model.encode(x), model.encoder(x)[:, :5])


def test_searched_codes_come_closer_than_the_encoders() -> None:
    """They begin there, and with no step they stay there."""
    plain, searching = build().eval(), build(encode="search", search_steps=40).eval()
    x = images().images
    near, found = plain.encode(x), searching.encode(x)

    assert (error(plain.decode(found), x) < error(plain.decode(near), x)).all()
    still = build(encode="search", search_steps=1, search_lr=0.0).eval()
    assert torch.equal(still.encode(x), near)
    assert not found.requires_grad
    assert all(weight.grad is None and weight.requires_grad for weight in searching.parameters())


def test_search_follows_its_loss() -> None:
    x = images().images
    found = {
        loss: build(encode="search", search_steps=60, search_loss=loss).eval().encode(x)
        for loss in ("mse", "lap1")
    }
    model = build().eval()
    rebuilt = {loss: model.decode(codes).detach() for loss, codes in found.items()}

    assert error(rebuilt["mse"], x).mean() < error(rebuilt["lap1"], x).mean()
    assert lap1(rebuilt["lap1"], x).mean() < lap1(rebuilt["mse"], x).mean()


def test_grey_models_give_grey_images() -> None:
    model = build(channels=1).eval()
    made = model.decode(model.encode(images().images))

    assert made.shape == (6, 3, 16, 16)
    assert torch.equal(made[:, 0], made[:, 2])


def test_length_is_epochs() -> None:
    assert build().total(1000) == 25_000
    assert build(epochs=0.5).total(1000) == 500
    assert build(images=77).total(1000) == 77


def test_optimiser_has_dcgans_settings() -> None:
    """The presets of the paper: none of them changes these."""
    for preset in VAE.presets:
        if preset.startswith("glo-"):
            settings = VAE.settings(**VAE.presets[preset].settings)
            assert (settings.lr, settings.betas, settings.batch) == (2e-4, (0.5, 0.999), 64)
    (adam,) = build().optimizers().values()
    group = adam.param_groups[0]
    assert (group["lr"], group["betas"], group["weight_decay"]) == (2e-4, (0.5, 0.999), 0)


def test_a_step_never_waits_for_the_device() -> None:
    model = build()
    with Waits() as waits:
        for _ in range(2):
            model.step(images(), rng())

    assert waits.found == []


def test_it_learns() -> None:
    """60 steps on one batch halve the squared error of its reconstructions."""
    model = build(lr=2e-3)
    first = model.step(images(), rng())
    for seed in range(60):
        last = model.step(images(), rng(seed))

    assert last["l2"] < first["l2"] / 2
    assert all(score.isfinite() for score in last.values())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"encode": "both"}, "vae.encode wants encoder or search, got both"),
        ({"level_weight": "2"}, "vae.level_weight wants equal_mean or 4^j or 4^-j, got 2"),
        ({"search_loss": "l1"}, "vae.search_loss wants mse or lap1, got l1"),
        ({"latent": 0}, "vae.latent wants at least 1, got 0"),
    ],
)
def test_settings_that_cannot_work_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(BadSetting) as caught:
        build(**changes)
    assert str(caught.value) == f"{words}; change it with --set {next(iter(changes))}=..."
