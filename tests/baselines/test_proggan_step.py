"""ProgGAN: losses, what moves in which update, and when Adam starts anew."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from small_parts import rng, same, weights
from small_proggan import FADE, STABLE, build, images, proggan
from together import alone, together
from torch import Tensor
from waiting import Waits

from genbench.interfaces import Batch

wgan: Any = import_module("genbench.baselines._parts.gradient_penalty")
repelling: Any = import_module("genbench.baselines._parts.repelling_regulariser").repelling
growing: Any = import_module("genbench.baselines._parts.progressive_schedule")

MIDDLE = STABLE + FADE // 2  # of the fade from 4x4 to 8x8
END = STABLE + FADE  # 8x8 is stable


# --- gradient penalty


def test_slope_of_a_linear_critic_is_its_weight() -> None:
    """Everywhere, whatever the points: w = 3, 4, 0 ... has norm 5; (5/T - 1)^2."""
    w = torch.zeros(3, 2, 2)
    w[0, 0, 0], w[2, 1, 1] = 3, 4
    x, y = torch.randn(2, 6, 3, 2, 2, generator=rng())
    norms = wgan.gradient_norms(lambda images: (images * w).sum((1, 2, 3)), x, y, rng())

    assert torch.allclose(norms, torch.full((6,), 5.0))
    assert float(wgan.penalty(norms)) == pytest.approx(16)
    assert float(wgan.penalty(norms, 750.0)) == pytest.approx((5 / 750 - 1) ** 2)


def test_points_lie_between_real_and_fake_one_share_an_image() -> None:
    """Real images are 0 and fakes 1, so a point shows its u."""
    met: list[Tensor] = []

    def critic(points: Tensor) -> Tensor:
        met.append(points.detach())
        return points.square().sum((1, 2, 3))

    wgan.gradient_norms(critic, torch.zeros(500, 3, 2, 2), torch.ones(500, 3, 2, 2), rng())
    u = met[0].flatten(1)

    assert (u == u[:, :1]).all()
    assert float(u[:, 0].mean()) == pytest.approx(0.5, abs=0.05)
    assert float(u[:, 0].std()) == pytest.approx(12**-0.5, abs=0.03)


def test_a_flat_critic_has_a_finite_penalty_and_gradient() -> None:
    """The derivative of a root at 0 is infinite; of the norm it is taken as 0."""
    w = torch.zeros(3, 2, 2, requires_grad=True)
    x = torch.randn(4, 3, 2, 2, generator=rng())
    wgan.penalty(
        wgan.gradient_norms(lambda images: (images * w).sum((1, 2, 3)), x, -x, rng())
    ).backward()

    assert w.grad is not None
    assert w.grad.isfinite().all()


@pytest.mark.parametrize(("seen", "f"), [(0, 4), (MIDDLE, 2), (END + FADE + STABLE, 1)])
def test_norms_are_those_of_enlarged_images(seen: int, f: int) -> None:
    """The original's discriminator is given images of the full size and shrinks them itself."""
    model = build(16, seen)
    growth = model.schedule.growth(seen)
    x, y = torch.randn(2, 4, 3, 16 // f, 16 // f, generator=rng())

    def judge(points: Tensor) -> Any:
        return model.discriminator.judge(points, growth.phase, growth.alpha)[0]

    def judge_large(points: Tensor) -> Any:
        return judge(F.avg_pool2d(points, f))

    native = wgan.gradient_norms(judge, x, y, rng())
    large = (F.interpolate(image, scale_factor=f, mode="nearest") for image in (x, y))
    enlarged = wgan.gradient_norms(judge_large, *large, rng())

    assert proggan.gradient_scale("full_resolution", 16, growth) == f
    assert proggan.gradient_scale("native", 16, growth) == 1
    assert torch.allclose(native / f, enlarged, rtol=1e-4)


# --- losses


@pytest.mark.parametrize(("gp_scale", "f"), [("full_resolution", 2), ("native", 1)])
def test_discriminator_loss_is_the_published_one(gp_scale: str, f: int) -> None:
    """E[D(G(z)) - D(x)] + 10 E[(n / (f T) - 1)^2] + 0.001 E[D(x)^2], T = 3, drawn again."""
    model = build(16, MIDDLE, gp_scale=gp_scale, gp_target=3.0, lr=0.0)
    batch, draws = images(8, 16), rng()
    real = proggan.shown(batch.images, growing.Growth(1, 0.5))
    z = model.draw(8, draws)
    fake = model.generator(z, 1, 0.5).detach()
    u = torch.rand(8, 1, 1, 1, generator=draws)
    points = ((1 - u) * real + u * fake).requires_grad_()

    def judge(x: Tensor) -> Any:
        return model.discriminator.judge(x, 1, 0.5)[0]

    (slopes,) = torch.autograd.grad(judge(points).sum(), points)
    norms = slopes.square().sum((1, 2, 3)).sqrt()
    expected = (
        judge(fake).mean()
        - judge(real).mean()
        + 10 * (norms / (3 * f) - 1).square().mean()
        + 0.001 * judge(real).square().mean()
    )
    scores = model.step(batch, rng())

    assert float(scores["discriminator_loss"]) == pytest.approx(float(expected.detach()), rel=1e-4)
    assert float(scores["gradient_norm"]) == pytest.approx(float(norms.mean()) / f, rel=1e-4)
    z = model.draw(8, draws)  # fresh ones for the generator
    loss = -judge(model.generator(z, 1, 0.5)).mean()
    assert float(scores["generator_loss"]) == pytest.approx(float(loss.detach()), rel=1e-4)


def test_least_squares_has_neither_penalty_nor_drift() -> None:
    """0.5 E[(D(x) - 1)^2 + D(G(z))^2] and 0.5 E[(D(G(z)) - 1)^2]: means, not sums."""
    model = build(seen=END, loss="least_squares", lr=0.0)
    batch, draws = images(), rng()

    def judge(x: Tensor) -> Any:
        return model.discriminator.judge(x, 1)[0].detach()

    fake = judge(model.generator(model.draw(8, draws), 1))
    real = judge(batch.images)
    other = judge(model.generator(model.draw(8, draws), 1))
    scores = model.step(batch, rng())

    assert float(scores["discriminator_loss"]) == pytest.approx(
        float(((real - 1).square() + fake.square()).mean() / 2), rel=1e-5
    )
    assert float(scores["generator_loss"]) == pytest.approx(
        float((other - 1).square().mean() / 2), rel=1e-5
    )
    assert "gradient_norm" not in scores


def test_real_generated_and_mixed_images_pass_one_after_the_other() -> None:
    """Or the statistics of one would see another."""
    model = build(seen=END)
    met: list[tuple[int, ...]] = []
    model.discriminator.from_rgb[1].register_forward_hook(
        lambda _, given, __: met.append(tuple(given[0].shape))
    )
    model.step(images(), rng())

    assert met == [(8, 3, 8, 8)] * 4  # the fourth in the generator's update


# --- repelling regulariser


def test_repelling_is_the_mean_square_cosine_of_pairs() -> None:
    """Cosines 1, 0, 0 in both orders, whatever the lengths: 2 / 6; opposite ways repel too."""
    rows = torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0]])

    assert float(repelling(rows)) == pytest.approx(1 / 3)
    assert float(repelling(torch.tensor([[1.0, 0.0], [-2.0, 0.0]]))) == pytest.approx(1)
    assert float(repelling(torch.eye(4))) == pytest.approx(0)
    assert float(repelling(rows[:1])) == 0


def test_repelling_of_random_latents_is_one_in_d() -> None:
    z = torch.randn(200, 512, generator=rng())

    assert float(repelling(z)) == pytest.approx(1 / 512, rel=0.05)


def test_repelling_latents_moves_nothing() -> None:
    """The report's definition, for the record: a number without a gradient."""
    plain, other = build(seen=END), build(seen=END, rr_on="latents", rr_weight=100.0)
    a, b = plain.step(images(), rng()), other.step(images(), rng())

    assert float(b["generator_loss"] - a["generator_loss"]) == pytest.approx(
        100 * float(b["repelling"]), rel=1e-3
    )
    assert float(b["repelling"]) > 0
    assert same(weights(plain), weights(other))


def test_repelling_features_moves_the_generator_only() -> None:
    plain, other = build(seen=END), build(seen=END, rr_on="features", rr_weight=1.0)
    a, b = plain.step(images(), rng()), other.step(images(), rng())

    assert 0 < float(b["repelling"]) <= 1
    assert float(b["generator_loss"] - a["generator_loss"]) == pytest.approx(
        float(b["repelling"]), rel=1e-3
    )
    assert same(weights(plain.discriminator), weights(other.discriminator))
    assert not same(weights(plain.generator), weights(other.generator))


# --- updates


def test_discriminator_then_generator_each_against_the_other_at_rest() -> None:
    model = build(seen=END)
    order: list[str] = []
    before = {"discriminator": weights(model.generator)}

    def note(name: str) -> Any:
        def hook(*_: Any) -> None:
            order.append(name)
            if name == "discriminator":
                assert same(before["discriminator"], weights(model.generator))
                assert all(w.grad is None for w in model.generator.parameters())
                before["generator"] = weights(model.discriminator)
                slopes.extend(
                    g.grad.clone() for g in model.discriminator.parameters() if g.grad is not None
                )
            else:
                assert same(before["generator"], weights(model.discriminator))

        return hook

    slopes: list[Tensor] = []
    for name, optimizer in model.optimizers().items():
        optimizer.register_step_post_hook(note(name))
    model.step(images(), rng())

    assert order == ["discriminator", "generator"]
    left = [w.grad for w in model.discriminator.parameters() if w.grad is not None]
    assert slopes
    assert same(slopes, left)  # nothing of the generator's update reached the discriminator
    assert not same(before["discriminator"], weights(model.generator))
    assert all(weight.requires_grad for weight in model.parameters())


def test_simultaneous_updates_use_the_discriminator_as_it_was() -> None:
    still, one, both = (
        build(seen=END, lr=0.0),
        build(seen=END, lr=0.01),
        build(seen=END, lr=0.01, simultaneous=True),
    )
    a, b, c = (model.step(images(), rng())["generator_loss"] for model in (still, one, both))

    assert float(c) == float(a)
    assert float(b) != float(a)
    assert same(weights(one.discriminator), weights(both.discriminator))


def test_blocks_not_in_use_stay_as_they_are() -> None:
    """And those of a fade all move; with the older ones."""
    model = build(16, seen=8)
    before = weights(model.generator.blocks[1]), weights(model.discriminator.from_rgb[1])
    model.step(images(8, 16), rng())
    assert same(before[0], weights(model.generator.blocks[1]))
    assert same(before[1], weights(model.discriminator.from_rgb[1]))

    model.seen = MIDDLE
    g, d = model.generator, model.discriminator
    parts = [*g.blocks[:2], *g.to_rgb[:2], d.blocks[0], *d.from_rgb[:2], d.head, d.dense, d.score]
    old = [weights(part) for part in parts]
    model.step(images(8, 16), rng())
    assert not any(same(a, weights(part)) for a, part in zip(old, parts, strict=True))


def test_adam_starts_anew_when_a_fade_begins_and_when_it_ends() -> None:
    """4x4 until 64 images, fade until 128, then 8x8: steps since the last reset, batch of 8.

    After 64 images lod is still whole, so the reset comes at the next look.
    """
    model, counts = build(), []
    for seen in range(0, 160, 8):
        model.seen = seen
        model.step(images(), rng())
        steps = [
            {int(state["step"]) for state in adam.state.values()}
            for adam in model.optimizers().values()
        ]
        assert steps[0] == steps[1]
        counts.append(max(steps[0]))

    assert counts == [*range(1, 10), *range(1, 8), *range(1, 5)]


def test_weights_survive_the_reset() -> None:
    model = build(lr=0.0)
    model.seen = STABLE
    before = weights(model)
    model.step(images(), rng())
    model.seen = MIDDLE
    model.step(images(), rng())

    assert same(before, weights(model))


def test_optimisers_have_the_published_settings() -> None:
    """Betas as floats: newer releases of torch refuse a mix of types."""
    model = build(lr=1e-3, ramp_images=40_000)
    model.step(images(), rng())
    for optimizer in model.optimizers().values():
        group = optimizer.param_groups[0]
        assert (group["betas"], group["eps"], group["weight_decay"]) == ((0.0, 0.99), 1e-8, 0)
        assert all(isinstance(beta, float) for beta in group["betas"])
        assert group["lr"] == pytest.approx(1e-3 * 0.006738, rel=1e-3)


def test_the_average_is_of_the_generator_and_by_the_step() -> None:
    model = build()

    assert dict(model.averaged()) == {"generator": model.generator}
    assert model.average_decay() == 0.999


def test_a_last_batch_that_fills_no_group_is_cut() -> None:
    """5 images are 4 of them; fewer than a group are a group."""
    five, four = build(seen=END), build(seen=END)
    a = five.step(images(5), rng())
    b = four.step(Batch(images(5).images[:4], torch.arange(4)), rng())

    assert a == b
    assert all(s.isfinite() for s in build(seen=END).step(images(1), rng()).values())


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"gp_scale": "native"},
        {"loss": "least_squares"},
        {"rr_on": "features", "res_block_g": True, "res_block_d": True},
        {"statistics": ("std", "kurtosis", "skewness"), "stddev_group": 8},
        {"stddev_group": 0, "pool_first": False, "simultaneous": True},
    ],
)
def test_every_variant_stays_finite_through_all_stages(change: dict[str, Any]) -> None:
    model = build(16, **change)
    for seen in range(0, 360, 20):
        model.seen = seen
        scores = model.step(images(8, 16, seed=seen), rng(seen))
        assert all(s.dim() == 0 and not s.requires_grad and s.isfinite() for s in scores.values())
    assert all(weight.isfinite().all() for weight in model.parameters())


@pytest.mark.parametrize("change", [{}, {"rr_on": "features", "stddev_group": 0}])
def test_a_step_never_waits_for_the_device(change: dict[str, Any]) -> None:
    """Not even where Adam is reset."""
    model = build(**change)
    with Waits() as waits:
        for seen in (STABLE, MIDDLE, END):
            model.seen = seen
            model.step(images(), rng())

    assert waits.found == []


HALVES = """
from importlib import import_module
nets = import_module("genbench.baselines._parts.proggan_networks")
wgan = import_module("genbench.baselines._parts.gradient_penalty")
repelling = import_module("genbench.baselines._parts.repelling_regulariser").repelling
from genbench.distributed import gathered
torch.manual_seed(0)
shape = nets.Shape(latent=4, fmap_base=32, fmap_max=4, statistics=("std", "kurtosis", "skewness"))
net = nets.Discriminator(shape, 1).double()
real, fake = torch.randn(2, 8, 3, 8, 8, dtype=torch.float64)
n = 8 // COUNT
real, fake = real[RANK * n :][:n], fake[RANK * n :][:n]
rng = torch.Generator().manual_seed(1)
judge = lambda x: net.judge(x, 1, 0.5)[0]
norms = wgan.gradient_norms(judge, real, fake, rng)
scores, features = net.judge(real, 1, 0.5)
loss = (judge(fake) - scores).mean() + 10 * wgan.penalty(norms) + repelling(gathered(features))
loss.backward()
gradients = [w.grad for w in net.parameters() if w.grad is not None]
if COUNT > 1:
    for gradient in gradients:
        dist.all_reduce(gradient)
        gradient /= COUNT  # as DistributedDataParallel does
tell([scores.tolist(), norms.tolist(), torch.cat([g.flatten() for g in gradients]).tolist()])
"""


def test_two_processes_with_half_a_batch_are_one_with_the_whole(tmp_path: Path) -> None:
    """Groups of 4 of 8 images lie across both; through scores, penalty and repelling."""
    scores, norms, gradient = alone(HALVES)

    halves = together(HALVES, tmp_path, 2)

    assert halves[0][0] + halves[1][0] == pytest.approx(scores, rel=1e-6)
    assert halves[0][1] + halves[1][1] == pytest.approx(norms, rel=1e-6)
    for half in halves:
        # repelling is in float32
        assert half[2] == pytest.approx(gradient, rel=1e-5, abs=1e-6)
