"""DCGAN: sizes, the rules of its step, and codes by search."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from small_parts import images, rng, same, weights
from torch import Tensor, nn
from waiting import Waits

from genbench import registry
from genbench.errors import BadSetting
from genbench.interfaces import Batch

DCGAN: Any = registry.model("dcgan")

SMALL: dict[str, Any] = {"latent": 8, "base": 4, "batch": 8, "epochs": 2, "search_steps": 20}


def build(resolution: int = 16, seed: int = 0, **changes: Any) -> Any:
    torch.manual_seed(seed)
    return DCGAN.build(DCGAN.settings(**{**SMALL, **changes}), resolution).train()


# --- networks and settings


@pytest.mark.parametrize(
    ("preset", "generator", "discriminator"),
    [
        ("celeba-64", 3_576_704, 2_765_568),
        ("glo-mnist-32", 788_352, 661_248),
        ("glo-svhn-32", 921_472, 663_296),
        ("glo-celeba-64", 4_854_656, 2_765_568),
        ("glo-celeba-128", 15_342_464, 11_164_416),
    ],
)
def test_presets_have_the_published_parameters(
    preset: str, generator: int, discriminator: int
) -> None:
    with torch.device("meta"):
        found = DCGAN.presets[preset]
        model = DCGAN.build(DCGAN.settings(**found.settings), found.resolution)

    assert sum(weight.numel() for weight in model.generator.parameters()) == generator
    assert sum(weight.numel() for weight in model.discriminator.parameters()) == discriminator


def test_grey_model_takes_and_gives_three_equal_colours() -> None:
    model = build(channels=1)
    model.step(images(), rng())
    out = model.eval().sample(2, rng())

    assert out.shape == (2, 3, 16, 16)
    assert torch.equal(out[:, 0], out[:, 2])
    assert model.encode(out).shape == (2, 8)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"search_objective": "l1"}, "dcgan.search_objective wants mse or lap1, got l1; change it"),
        ({"search_steps": 0}, "dcgan.search_steps wants at least 1, got 0"),
        ({"search_starts": 0}, "dcgan.search_starts wants at least 1"),
        ({"latent": 0}, "dcgan.latent wants at least 1"),
        ({"batch": 0}, "dcgan.batch wants at least 1"),
        ({"epochs": 0}, "dcgan.epochs wants at least 1"),
        ({"channels": 4}, "dcgan.channels is 3, or 1 for grey images, got 4"),
    ],
)
def test_settings_out_of_range_are_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(BadSetting, match=words):
        DCGAN.build(DCGAN.settings(**values), 32)


def test_training_lasts_the_published_epochs() -> None:
    """25 passes of 3 whole batches of 64 over 200 images."""
    with torch.device("meta"):
        model = DCGAN.build(DCGAN.settings(), 64)

    assert model.total(200) == 25 * 3 * 64
    assert [model.stage(seen).name for seen in (0, 191, 192)] == ["epoch 1", "epoch 1", "epoch 2"]


# --- the step


def test_optimisers_have_the_published_settings() -> None:
    for optimizer in build().optimizers().values():
        group = optimizer.param_groups[0]
        assert (group["lr"], group["betas"], group["eps"]) == (2e-4, (0.5, 0.999), 1e-8)


def test_losses_and_gradients_are_those_of_binary_cross_entropy() -> None:
    """By probabilities and torch's BCE: labels 1 and 0 for D; label 1 for G, not 1 - log D."""
    model, plain = build(lr=0.0), build()
    batch = images()
    scores = model.step(batch, rng())
    bce = nn.BCELoss()
    fakes = plain.generator(torch.randn(8, 8, generator=rng()))
    real, fake = (plain.discriminator(x).sigmoid() for x in (batch.images, fakes.detach()))
    for_d = bce(real, torch.ones(8, 1)) + bce(fake, torch.zeros(8, 1))
    for_d.backward()
    for_g = bce(plain.discriminator(fakes).sigmoid(), torch.ones(8, 1))
    expected = torch.autograd.grad(for_g, list(plain.generator.parameters()))

    known = {
        "discriminator_loss": for_d,
        "generator_loss": for_g,
        "real": real.mean(),
        "fake": fake.mean(),
    }
    assert set(scores) == set(known)
    for name, value in known.items():
        assert torch.allclose(scores[name], value.detach(), rtol=1e-5)
    pairs = zip(model.discriminator.parameters(), plain.discriminator.parameters(), strict=True)
    for ours, theirs in pairs:
        assert torch.allclose(ours.grad, theirs.grad, rtol=1e-4, atol=1e-6)
    for weight, gradient in zip(model.generator.parameters(), expected, strict=True):
        assert torch.allclose(weight.grad, gradient, rtol=1e-4, atol=1e-6)


def test_a_confident_discriminator_gives_finite_losses() -> None:
    """Probabilities of exactly 0 and 1, of which the logarithm would be infinite."""
    model = build()
    with torch.no_grad():
        model.discriminator[-2].weight.mul_(1e6)
    scores = model.step(images(), rng())

    assert all(score.isfinite() for score in scores.values())


def test_discriminator_moves_first_and_generator_learns_from_the_same_fakes() -> None:
    """One update each; each net is bit-identical across the update of the other."""
    model = build()
    order: list[str] = []
    seen: list[int] = []
    start = {"discriminator": weights(model.generator)}
    model.generator.register_forward_hook(lambda *_: seen.append(1))

    def note(name: str) -> Any:
        def hook(*_: Any) -> None:
            order.append(name)
            if name == "discriminator":
                assert same(start[name], weights(model.generator))
                assert all(weight.grad is None for weight in model.generator.parameters())
                start["generator"] = weights(model.discriminator)
            else:
                assert same(start[name], weights(model.discriminator))

        return hook

    for name, optimizer in model.optimizers().items():
        optimizer.register_step_post_hook(note(name))
    before = weights(model.discriminator)
    model.step(images(), rng())

    assert order == ["discriminator", "generator"]
    assert len(seen) == 1
    assert not same(before, weights(model.discriminator))
    assert not same(start["discriminator"], weights(model.generator))


def test_a_step_never_waits_for_the_device() -> None:
    model = build()
    model.step(images(), rng())
    with Waits() as waits:
        model.step(images(), rng())

    assert waits.found == []


def test_real_and_fake_images_pass_by_themselves() -> None:
    """What D says of real images does not depend on the fakes beside them."""
    a, b = build().step(images(), rng(1)), build().step(images(), rng(2))

    assert a["real"] == b["real"]
    assert a["fake"] != b["fake"]


# --- codes by search


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """In dB, of each image; of a range of 2."""
    return 10 * (4 / (a - b).square().flatten(1).mean(1)).log10()


@pytest.mark.slow
def test_images_of_the_generator_itself_are_found_again() -> None:
    """The GLO paper's check of the search, above 50 dB; here 111 on average after 100 steps."""
    model, draws = build(base=8, search_steps=200), rng()
    for _ in range(100):
        noise = torch.randn(16, 3, 2, 2, generator=draws)
        smooth = nn.functional.interpolate(noise, (16, 16), mode="bilinear").tanh()
        model.step(Batch(smooth, torch.arange(16)), draws)
    model.eval()
    made = model.sample(8, rng(3)).detach()
    plain = made.mean((0, 2, 3), keepdim=True).expand_as(made)

    assert psnr(model.decode(model.encode(made)).detach(), made).min() > 50
    assert psnr(plain, made).mean() < 35  # the images are not all the same


def test_codes_are_a_function_of_the_image_alone() -> None:
    """Same in training mode, after other draws, in another order; and nothing is changed."""
    model = build()
    model.step(images(), rng())
    model.eval()
    x = images(4).images
    codes = model.encode(x)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(99)
    model.train()
    again = model.encode(x.flip(0)).flip(0)

    assert torch.allclose(codes, again, atol=1e-4)
    assert model.generator.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(weight.requires_grad for weight in model.parameters())


def test_more_starts_find_codes_that_are_no_worse() -> None:
    one, three = build(search_starts=1).eval(), build(search_starts=3).eval()
    x = images(6).images
    first, best = (psnr(model.decode(model.encode(x)), x) for model in (one, three))

    assert (best >= first - 1e-3).all()
    assert best.mean() > first.mean()
