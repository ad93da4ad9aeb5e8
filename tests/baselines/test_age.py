"""AGE: sizes, schedule, batch norm, and the rules of its step."""

from __future__ import annotations

import itertools
from importlib import import_module
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from small_parts import images, rng, same, weights
from torch import Tensor, nn
from waiting import Waits

from genbench import registry
from genbench.errors import BadSetting
from genbench.interfaces import Batch

AGE: Any = registry.model("age")
losses: Any = import_module("genbench.baselines._parts.losses")

SMALL: dict[str, Any] = {
    "latent": 16,
    "base": 4,
    "epochs": (2, 1),
    "batches": (8, 16),
    "generator_steps": 2,
}

# section 10 of the specification: settings for a CPU
SPECIFIED = {"lr": 2e-4, "cosine_weight": 1000.0, "l1_weights": (10.0,), "generator_steps": 2}


def build(resolution: int = 16, seed: int = 0, **changes: Any) -> Any:
    torch.manual_seed(seed)
    return AGE.build(AGE.settings(**{**SMALL, **changes}), resolution).train()


# --- networks


@pytest.mark.parametrize(
    ("resolution", "options", "encoder", "generator"),
    [
        (64, {}, 3_281_728, 3_281_792),
        (64, {"latent": 128}, 3_806_080, 3_806_080),
        (64, {"latent": 512}, 6_952_192, 6_951_808),
        (32, {"latent": 128}, 1_183_616, 3_934_595),
        (32, {"latent": 64}, 921_408, 3_410_307),
        (128, {"latent": 512}, 19_537_152, 19_536_768),
        (128, {"latent": 512, "widest": 512}, 11_147_520, 11_147_136),
        (32, {"base": 16}, 107_520, 311_907),
    ],
)
def test_networks_have_the_published_parameters(
    resolution: int, options: dict[str, int], encoder: int, generator: int
) -> None:
    with torch.device("meta"):
        model = AGE.build(AGE.settings(**options), resolution)

    assert sum(weight.numel() for weight in model.encoder.parameters()) == encoder
    assert sum(weight.numel() for weight in model.generator.parameters()) == generator


@pytest.mark.parametrize("resolution", [8, 16, 32, 64])
def test_codes_lie_on_the_sphere_and_images_in_range(resolution: int) -> None:
    """With as many images as latents: a norm along the wrong axis would pass for right there."""
    model = build(resolution, latent=64, base=2).eval()
    with torch.no_grad():
        codes = model.encode(images(64, resolution).images)
        out = model.decode(model.draw(4, rng()))

    assert torch.allclose(codes.norm(dim=1), torch.ones(64), atol=1e-6)
    assert not torch.allclose(codes.norm(dim=0), torch.ones(64), atol=1e-2)
    assert out.shape == (4, 3, resolution, resolution)
    assert out.abs().max() <= 1


def test_small_encoder_averages_four_codes() -> None:
    """2x2 positions: the mean of the features, not their concatenation."""
    model = build(32)
    *body, pool, flat = model.encoder
    with torch.no_grad():
        maps = nn.Sequential(*body).eval()(images(3, 32).images)
        assert maps.shape == (3, 16, 2, 2)
        assert torch.allclose(flat(pool(maps)), maps.mean((2, 3)), atol=1e-7)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"batches": (64,)}, r"age.batches wants a number for each of the 2 stages .* got \(64,\)"),
        ({"batches": (64, 1)}, "from 2 on"),
        ({"l1_weights": (1.0,)}, "age.l1_weights wants a number for each of the 2 stages"),
        ({"epochs": ()}, "age.epochs wants at least one number"),
        ({"kl": "right"}, "age.kl wants code or corrected, got right; change it with --set kl="),
        ({"statistics": "fake"}, "age.statistics wants real or mixed, got fake"),
        ({"generator_steps": 0}, "age.generator_steps wants at least 1, got 0"),
        ({"halving": -1}, "age.halving wants at least 0"),
        ({"latent": 1}, "age.latent wants at least 2"),
    ],
)
def test_settings_out_of_range_are_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(BadSetting, match=words):
        AGE.build(AGE.settings(**values), 32)


def test_a_resolution_that_is_no_power_of_two_is_refused() -> None:
    with pytest.raises(BadSetting, match="age doubles from 4x4 and has no resolution 48"):
        AGE.build(AGE.settings(), 48)


# --- schedule


def published(preset: str, train_size: int) -> Any:
    with torch.device("meta"):
        found = AGE.presets[preset]
        model = AGE.build(AGE.settings(**found.settings), found.resolution)
    model.total(train_size)
    return model


@pytest.mark.parametrize(
    ("preset", "epochs", "halved_at"),
    [("celeba-64", 6, [4]), ("cifar10-32", 150, [39, 79, 119]), ("imagenet-32", 6, [2, 5])],
)
def test_rate_is_halved_where_it_was_published(
    preset: str, epochs: int, halved_at: list[int]
) -> None:
    """And starts anew with the CelebA fine-tuning of epoch 5."""
    model = published(preset, 512)
    expected, rate = [], 2e-4
    for epoch in range(epochs):
        rate = 2e-4 if (preset, epoch) == ("celeba-64", 5) else rate
        rate = rate / 2 if epoch in halved_at else rate
        expected += [rate, rate]
    seen = [512 * epoch + within for epoch in range(epochs) for within in (0, 511)]

    assert [model.rate(place) for place in seen] == expected


def test_celeba_goes_on_with_a_larger_batch() -> None:
    """162 770 images: 5 epochs of 2543 steps of 64, then one of 635 steps of 256."""
    model = published("celeba-64", 162_770)
    turn = 5 * 2543 * 64

    assert model.total(162_770) == turn + 635 * 256
    assert [model.stage(seen).batch for seen in (0, turn - 64, turn)] == [64, 64, 256]
    assert [model.stage(seen).name for seen in (0, turn - 64, turn)] == [
        "epoch 1",
        "epoch 5",
        "epoch 6",
    ]


def total_l1_weight(scores: dict[str, Tensor]) -> float:
    return float((scores["encoder_loss"] - scores["kl_real"] + scores["kl_fake"]) / scores["l1"])


def test_second_stage_weighs_the_reconstruction_more_and_starts_adam_anew() -> None:
    """The code's fine-tuning begins from weights alone: no moments, the full rate."""
    model = build(halving=2)
    model.total(16)
    counts, found, rates = [], [], []
    for seen in (0, 8, 16, 24, 32):
        model.seen = seen
        scores = model.step(images(model.stage(seen).batch), rng())
        adam = model.optimizers()["encoder"]
        counts.append(int(next(iter(adam.state.values()))["step"]))
        found.append(total_l1_weight(scores))
        rates.append(adam.param_groups[0]["lr"])

    assert counts == [1, 2, 3, 4, 1]
    assert found == pytest.approx([10, 10, 10, 10, 15], abs=1e-3)
    assert rates == [2e-4, 2e-4, 1e-4, 1e-4, 2e-4]


@pytest.mark.parametrize("cut", [8, 16, 24, 32])
def test_a_resumed_run_is_bit_identical(cut: int) -> None:
    """Cut in an epoch, before and after a halving, and at the change of stage."""

    def run(model: Any, start: int, stop: int, draws: torch.Generator) -> Any:
        model.seen, scores = start, {}
        while model.seen < stop:
            n = model.stage(model.seen).batch
            scores = model.step(images(n, seed=model.seen), draws)
            model.seen += n
        return scores

    whole, draws = build(halving=2), rng()
    total = whole.total(16)
    run(whole, 0, cut, draws)
    saved = {name: value.clone() for name, value in whole.state_dict().items()}
    moments = {name: o.state_dict() for name, o in whole.optimizers().items()}
    moments = torch.utils._pytree.tree_map_only(Tensor, torch.clone, moments)
    dice = draws.get_state()
    expected = run(whole, cut, total, draws)

    other, again = build(seed=99, halving=2), rng(99)
    other.total(16)
    other.load_state_dict(saved)
    for name, optimizer in other.optimizers().items():
        optimizer.load_state_dict(moments[name])
    again.set_state(dice)

    assert run(other, cut, total, again) == expected
    assert same(weights(other), weights(whole))


# --- the step


def test_optimisers_have_the_published_settings() -> None:
    for optimizer in build().optimizers().values():
        group = optimizer.param_groups[0]
        assert (group["lr"], group["betas"], group["eps"]) == (2e-4, (0.5, 0.999), 1e-8)


def test_scores_add_up_and_keep_their_bounds() -> None:
    """Generator: K + 1000 (2 - cos / d). The code's K is never below its bound on the sphere."""
    model = build()
    for _ in range(3):
        scores = model.step(images(), rng())
        total = scores["kl_generator"] + 1000 * (2 - scores["cosine"] / 16)
        assert scores["generator_loss"] == pytest.approx(float(total), rel=1e-6)
        assert total_l1_weight(scores) == pytest.approx(10, abs=1e-3)
        for name in ("kl_real", "kl_fake", "kl_generator"):
            assert scores[name] >= losses.least_deviation_kl(16)
        assert 0 <= scores["variance"] <= 1


@pytest.mark.parametrize(
    ("kl", "expected"), [("code", losses.deviation_kl), ("corrected", losses.batch_kl)]
)
def test_kl_is_the_one_asked_for(kl: str, expected: Any) -> None:
    model, same_start = build(kl=kl), build()
    codes = same_start.encode(images().images)

    assert torch.allclose(model.step(images(), rng())["kl_real"], expected(codes))


def test_one_encoder_update_then_those_of_the_generator() -> None:
    """Each network is bit-identical, and without new gradients, across the updates of the other."""
    model = build(generator_steps=3)
    order: list[str] = []
    other = {"encoder": model.generator, "generator": model.encoder}
    start = {name: weights(net) for name, net in other.items()}

    def note(name: str) -> Any:
        def hook(*_: Any) -> None:
            order.append(name)
            assert same(start[name], weights(other[name]))
            if name == "encoder":
                assert all(weight.grad is None for weight in model.generator.parameters())
                start["generator"] = weights(model.encoder)
                gradients.extend(weight.grad.clone() for weight in model.encoder.parameters())

        return hook

    gradients: list[Tensor] = []
    for name, optimizer in model.optimizers().items():
        optimizer.register_step_post_hook(note(name))
    model.step(images(), rng())

    assert order == ["encoder", "generator", "generator", "generator"]
    assert same(gradients, [weight.grad for weight in model.encoder.parameters()])
    assert not same(weights(model.generator), start["encoder"])
    assert all(weight.requires_grad for weight in model.parameters())


def test_encoder_step_is_the_formula_worked_out_with_other_parts() -> None:
    """K(E(x)) - K(E(G(z))) + 10 |x - G(E(x))|, fakes detached: its gradient by plain autograd."""
    model, plain = build(lr=0.0), build()
    batch = images()
    model.step(batch, rng())
    codes = F.normalize(plain.encoder(batch.images), dim=1)
    fakes = plain.generator(F.normalize(torch.randn(8, 16, generator=rng()), dim=1)).detach()

    def kl(z: Tensor) -> Tensor:
        v, mu = z.var(0, correction=0), z.mean(0)
        return (v**2 / 2 + mu**2 / 2 - v.log() - 0.5).mean()

    fake_codes = F.normalize(plain.encoder(fakes), dim=1)
    l1 = F.l1_loss(plain.generator(codes), batch.images)
    (kl(codes) - kl(fake_codes) + 10 * l1).backward()

    for ours, theirs in zip(model.encoder.parameters(), plain.encoder.parameters(), strict=True):
        assert torch.allclose(ours.grad, theirs.grad, rtol=1e-4, atol=1e-6)


def test_reconstruction_does_not_move_the_generator_nor_cosine_the_encoder() -> None:
    """Each term belongs to one of the steps: its weight leaves the other step's loss alone."""
    base = build(lr=0.0).step(images(), rng())
    heavy_l1 = build(lr=0.0, l1_weights=(99.0, 99.0)).step(images(), rng())
    heavy_cosine = build(lr=0.0, cosine_weight=9.0).step(images(), rng())

    assert heavy_l1["generator_loss"] == base["generator_loss"]
    assert heavy_cosine["encoder_loss"] == base["encoder_loss"]
    assert heavy_l1["encoder_loss"] != base["encoder_loss"]
    assert heavy_cosine["generator_loss"] != base["generator_loss"]


# --- batch norm


def norm_state(net: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in net.named_buffers()}


def test_encoder_remembers_real_images_only_unless_told() -> None:
    """One pass a step against 1 real, 1 fake and n_g of the generator: the code's mixture."""
    real, mixed, alone = build(), build(statistics="mixed"), build()
    real.step(images(), rng())
    mixed.step(images(), rng())
    alone.encode(images().images)

    found, expected, other = (norm_state(m.encoder) for m in (real, alone, mixed))
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert any(not torch.allclose(found[name], value) for name, value in other.items())
    counts = [v for name, v in other.items() if name.endswith("num_batches_tracked")]
    assert counts
    assert all(count == 1 + 1 + 2 for count in counts)


def test_a_step_never_waits_for_the_device() -> None:
    model = build()
    model.step(images(), rng())
    with Waits() as waits:
        model.step(images(), rng())

    assert waits.found == []


def test_real_and_fake_images_pass_by_themselves() -> None:
    """The code of a real image in training does not depend on the fakes: other seed, same K."""
    a = build(lr=0.0).step(images(), rng(1))
    b = build(lr=0.0).step(images(), rng(2))

    assert a["kl_real"] == b["kl_real"]
    assert a["kl_fake"] != b["kl_fake"]


def test_evaluation_goes_by_the_running_statistics_and_changes_nothing() -> None:
    model = build()
    model.step(images(), rng())
    model.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    x = images(6).images
    with torch.no_grad():
        alone = torch.cat([model.encode(x[i : i + 1]) for i in range(6)])
        whole = model.encode(x)
        model.decode(whole)

    assert torch.allclose(whole, alone, atol=1e-6)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


@pytest.mark.slow
def test_it_learns_to_reconstruct() -> None:
    """300 steps of the specification's CPU configuration on coloured squares: 0.49 -> 0.40.

    One grey for all, the best that a code without meaning allows, would stay at 0.49.
    """
    torch.manual_seed(0)
    settings = AGE.settings(**{**AGE.presets["tiny"].settings, **SPECIFIED})
    model, draws = AGE.build(settings, 16).train(), rng()
    first = float(model.step(squares(32, draws), draws)["l1"])
    for _ in itertools.repeat(None, 300):
        scores = model.step(squares(32, draws), draws)

    assert scores["l1"] < 0.9 * first


def squares(n: int, draws: torch.Generator) -> Batch:
    """A square of one colour on a ground of another, 16x16."""
    places = torch.randint(2, 10, (n, 2, 1, 1, 1), generator=draws)
    y, x = torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij")
    inside = ((y - places[:, 0]).abs() < 4) & ((x - places[:, 1]).abs() < 4)
    colours = torch.rand(n, 2, 3, 1, 1, generator=draws) * 2 - 1
    return Batch(torch.where(inside, colours[:, 0], colours[:, 1]), torch.arange(n))
