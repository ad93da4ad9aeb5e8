"""Balanced Pioneer: its margin, its norms, its tables at work, and its running average."""

from __future__ import annotations

from importlib import import_module
from typing import Any
from unittest import mock

import pytest
import torch
from small_parts import rng, same, weights
from small_pioneer import images
from torch import Tensor, nn

from genbench import registry, runs
from genbench.errors import BadSetting
from genbench.settings import Layer, resolve
from genbench.training.ema import EMA

layers: Any = import_module("genbench.baselines._parts.layers")
batch_kl: Any = import_module("genbench.baselines._parts.losses").batch_kl
Balanced: Any = registry.model("balanced_pioneer")

ROWS = ((0, 4, 0.0, 1e-3), (32, 8, 0.0, 5e-4), (64, 8, 0.2, 1e-3))
SMALL = {"latent": 16, "rows": ROWS, "fade_images": 16, "batches": (8,) * 9, "buffer": 12}


def build(resolution: int = 8, seen: int = 0, seed: int = 0, **changes: Any) -> Any:
    torch.manual_seed(seed)
    model = Balanced.build(Balanced.settings(**{**SMALL, **changes}), resolution)
    model.seen = seen
    return model.train()


def preset(name: str) -> Any:
    """A model of a published size, without memory."""
    layer = Layer(f"preset {name}", Balanced.presets[name].settings)
    settings = resolve(Balanced.settings, [layer], "balanced_pioneer").values
    # Without numbers there is nothing to iterate on, and torch takes ten seconds to see that.
    norm = nn.utils.parametrizations._SpectralNorm
    with torch.device("meta"), mock.patch.object(norm, "_power_method"):
        return Balanced.build(settings, Balanced.presets[name].resolution)


def convolutions(network: nn.Module) -> list[nn.Conv2d]:
    """Those of the blocks; the RGB layers have no norm."""
    return [
        part for part in network.get_submodule("blocks").modules() if isinstance(part, nn.Conv2d)
    ]


def largest(conv: nn.Conv2d) -> float:
    """Largest singular value of the weight in use, exactly."""
    return float(torch.linalg.matrix_norm(conv.weight.detach().double().flatten(1), 2))


# --- the margin


@pytest.mark.parametrize(
    ("gap", "margin", "expected"),
    [
        (0.5, 0.0, 0.05),
        (-0.5, 0.0, -0.05),
        (-0.5, 0.2, -0.02),
        (-0.1, 0.2, -0.01),
        (0.5, 0.2, 0.05),
    ],
)
def test_encoder_goes_down_the_gap_as_far_as_the_margin(
    gap: float, margin: float, expected: float
) -> None:
    """max(-0.02, 0.1 gap) + 1.5 L_X in the released code's units, for the paper's 0.2."""
    model = build(seen=64, margin=margin)
    growth = model.schedule.growth(64)
    loss = model.encoder_loss(torch.tensor(3 + gap), torch.tensor(3.0), torch.tensor(0.4), growth)

    assert float(loss) == pytest.approx(expected + 1.5 * 0.4, abs=1e-6)


@pytest.mark.parametrize(("spread", "fake_spread"), [(1.0, 0.1), (0.1, 1.0)])
def test_beyond_the_margin_neither_kl_has_a_gradient(spread: float, fake_spread: float) -> None:
    """Exactly zero, and that of L_X as without the margin; on this side of it both push."""
    model = build(seen=64)
    real, fake = (torch.randn(8, 16, generator=rng(i)) for i in (1, 2))
    leaves = [(spread * real + 1).requires_grad_(), (fake_spread * fake + 1).requires_grad_()]
    l1 = torch.tensor(0.3, requires_grad=True)
    codes = [nn.functional.normalize(leaf, dim=1) for leaf in leaves]
    kl_real, kl_fake = (batch_kl(code) for code in codes)
    beyond = bool(kl_real - kl_fake < -0.2)
    loss = model.encoder_loss(kl_real, kl_fake, l1, model.schedule.growth(64))
    pushes = torch.autograd.grad(loss, [*leaves, l1])

    assert beyond is (spread > fake_spread)
    assert all(bool(push.any()) is not beyond for push in pushes[:2])
    assert float(pushes[2]) == 1.5


def test_beyond_the_margin_the_encoder_trains_on_reconstruction_alone() -> None:
    """In a whole step: with both KL far below -M it moves as if they had no weight."""
    far = {"margin": 1e-12, "betas": (0.0, 0.99)}
    hinged, plain = build(seen=96, **far), build(seen=96, kl_weight=0.0)
    # One code for all images that are generated; real ones spread: the gap is far below 0.
    for model in (hinged, plain):
        model.generator.to_rgb[1].weight.data.zero_()
    scores = hinged.step(images(), rng())
    plain.step(images(), rng())

    assert scores["kl_real"] < scores["kl_fake"]
    assert same(weights(hinged.encoder), weights(plain.encoder))


def test_generator_has_no_margin() -> None:
    model = build()

    loss = model.generator_loss(torch.tensor(9.0), torch.tensor(0.5))
    assert float(loss) == pytest.approx(0.1 * 9 + 100 * (2 - 0.5 / 16))


# --- the table at work


def test_reconstruction_weighs_more_once_the_fade_is_over() -> None:
    """In every phase anew; another margin does not start again."""
    model = build()
    zero, one = torch.zeros(()), torch.ones(())
    found = [
        float(model.encoder_loss(zero, zero, one, model.schedule.growth(seen)))
        for seen in (0, 15, 16, 32, 47, 48, 64, 70)
    ]

    assert found == [1, 1, 1.5, 1, 1, 1.5, 1.5, 1.5]


def test_both_optimisers_take_the_rate_of_the_row() -> None:
    model, found = build(), []
    for seen in (0, 31, 32, 63, 64):
        model.seen = seen
        model.step(images(), rng())
        found.append({adam.param_groups[0]["lr"] for adam in model.optimizers().values()})

    assert found == [{1e-3}, {1e-3}, {5e-4}, {5e-4}, {1e-3}]


def test_a_rate_or_a_margin_of_ones_own_holds_in_every_row() -> None:
    model = build(lr=2e-4, margin=0.7)

    assert {(row.margin, row.lr) for row in model.schedule.rows} == {(0.7, 2e-4)}
    assert build(margin=0.0).schedule.growth(64).margin == 0


def test_another_margin_empties_the_buffer() -> None:
    """As another phase does; images of its phase that are older wait no longer."""
    model, held = build(), []
    for seen in (48, 56, 64, 72):
        model.seen = seen
        model.step(images(), rng())
        held.append((model.buffer.phase, model.buffer.held))

    assert held == [(1, 8), (1, 12), (2, 8), (2, 12)]


@pytest.mark.parametrize("steps", [1, 2])
def test_updates_of_the_generator_can_be_one_or_two(steps: int) -> None:
    model, order = build(generator_steps=steps), []
    for name, adam in model.optimizers().items():
        adam.register_step_post_hook(lambda *_, name=name: order.append(name))
    model.step(images(), rng())

    assert order == ["encoder"] + ["generator"] * steps


# --- norms


def test_every_convolution_of_the_blocks_has_spectral_norm_one() -> None:
    """After 100 passes in training, against an exact SVD; the RGB layers are left alone."""
    model = build(seen=64)
    z, x = model.draw(2, rng()), images(2).images
    with torch.no_grad():
        for _ in range(100):
            model.decode(z)
            model.encode(x)
    found = [
        largest(conv) for net in (model.generator, model.encoder) for conv in convolutions(net)
    ]

    assert len(found) == 8
    assert found == pytest.approx([1.0] * 8, rel=0.05)
    for rgb in (*model.generator.to_rgb, *model.encoder.from_rgb):
        assert not nn.utils.parametrize.is_parametrized(rgb)


def test_generator_starts_from_kaiming_noise_without_bias() -> None:
    """Deviation sqrt(2 / fan_in); 8 % is four errors of 16 * 16 * 9 draws."""
    conv = convolutions(build().generator)[1]
    stored = conv.get_parameter("parametrizations.weight.original").detach()

    assert stored.std() == pytest.approx((2 / (16 * 9)) ** 0.5, rel=0.08)
    assert not conv.bias.any()


def kinds(network: nn.Module) -> set[str]:
    """Norms in the module tree."""
    names = {type(part).__name__ for part in network.modules()}
    return names & {"PixelNorm", "Scale", "_SpectralNorm"}


@pytest.mark.parametrize("end", ["", "-margin"])
@pytest.mark.parametrize(
    ("row", "norms"),
    [
        ("pn", {"PixelNorm"}),
        ("eqlr", {"Scale"}),
        ("eqlr-pn", {"PixelNorm", "Scale"}),
        ("sn", {"_SpectralNorm"}),
    ],
)
def test_ablation_changes_the_norm_of_the_generator_alone(
    row: str, norms: set[str], end: str
) -> None:
    """The eight rows of table 2: same schedule, 20 million images, up to 128x128."""
    model = preset(f"ablation-{row}{end}")
    margins = [model.schedule.growth(seen).margin for seen in (9_600_000, 13_000_000, 19_000_000)]

    assert kinds(model.generator) == norms
    assert kinds(model.encoder) == {"_SpectralNorm"}
    assert margins == ([0, 0.2, 0.2] if end else [0, 0, 0])
    assert model.total(27_000) == 20_000_000
    assert model.stage(19_999_999).name == "128x128"


def test_without_any_norm_the_generator_starts_as_torch_does() -> None:
    """Uniform in +-1/sqrt(fan_in), bias included: the ablation's rows without equalised rate."""
    for norm in ({"spectral_norm": False}, {"spectral_norm": False, "pixel_norm": True}):
        conv = convolutions(build(**norm).generator)[1]
        assert 0.8 / 12 < conv.weight.detach().abs().max() <= 1 / 12
        assert conv.bias is not None
        assert bool(conv.bias.any())


def test_published_models_have_the_size_of_pioneer() -> None:
    """No pixel norm, no runtime weight scale, as many weights: counted on the released code."""
    model = preset("celebahq-256")
    size = {
        name: sum(weight.numel() for weight in net.parameters())
        for name, net in (("generator", model.generator), ("encoder", model.encoder))
    }
    rgb = 3 * (512 * 4 + 256 + 128) + 3 * 6, 4 * (512 * 4 + 256 + 128)  # of the phases below

    assert kinds(model) == {"_SpectralNorm"}
    assert size["generator"] == 23_036_995 + rgb[0]
    assert size["encoder"] == 25_360_384 + rgb[1]


# --- the running average


def trained() -> tuple[Any, EMA]:
    """A model and its running average, far apart: the rate is high, the decay too."""
    model = build(lr=0.05, average_decay=0.9)
    averages = EMA(model)
    for seen in range(0, 96, 8):
        model.seen = seen
        model.step(images(seed=seen), rng(seen))
        averages.update()
    return model.eval(), averages


def test_averaged_generator_has_spectral_norm_one() -> None:
    """Exactly, though the vectors in training are those of other weights."""
    model, averages = trained()
    state = averages.state()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with averages.applied():
        inside = [largest(conv) for conv in convolutions(model.generator)]
        drawn = model.sample(3, rng())
    after = model.state_dict()
    unsettled = build()
    unsettled.generator.load_state_dict(
        {name.removeprefix("generator."): value for name, value in state.items()}
    )
    unsettled.eval()
    stale = [largest(conv) for conv in convolutions(unsettled.generator)]

    assert inside == pytest.approx([1.0] * 4, abs=1e-5)
    assert max(abs(value - 1) for value in stale) > 0.01  # what it would be without
    assert all(torch.equal(before[name], value) for name, value in after.items())

    other = build(seen=88).eval()
    runs.use_average(other, state)
    assert [largest(conv) for conv in convolutions(other.generator)] == pytest.approx(inside)
    assert torch.allclose(other.sample(3, rng()), drawn, atol=1e-6)


def test_restored_vectors_give_the_same_reconstructions() -> None:
    """Bit by bit: they are part of the state."""
    model, _ = trained()
    other = build(seed=9, seen=model.seen).eval()
    other.load_state_dict(model.state_dict(), strict=True)
    x = images().images
    with torch.no_grad():
        assert torch.equal(other.decode(other.encode(x)), model.decode(model.encode(x)))


def test_weights_that_are_gone_are_left_to_the_engine() -> None:
    model = build()
    convolutions(model.generator)[0].get_parameter("parametrizations.weight.original").data.fill_(
        float("nan")
    )

    model.settle()  # no error of the eigenvalue solver hides that training diverged


# --- settings


@pytest.mark.parametrize("name", Balanced.presets)
def test_presets_fit_their_resolution(name: str) -> None:
    model = preset(name)
    end = model.stage(model.total(1) - 1)

    assert (end.resolution, end.alpha) == (Balanced.presets[name].resolution, 1.0)


def test_published_lengths_and_batches() -> None:
    """Checkpoints of 25.48 and 25.40 million images; batches of two GPUs, and of one."""
    model = preset("celebahq-256")
    seen = [0, 2_400_000, 4_800_000, 7_200_000, 9_600_000, 16_520_000, 20_040_000]

    assert model.total(1) == 25_480_000
    assert preset("lsun-256").total(1) == 25_400_000
    assert [model.stage(s).batch for s in seen] == [256, 256, 256, 128, 64, 32, 32]
    assert Balanced.settings().batches[:7] == (128, 128, 128, 64, 32, 32, 32)
    assert Balanced.settings().betas == (0.0, 0.99)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": (), "table": "ffhq"}, "balanced_pioneer.table wants one of celebahq, default, l"),
        ({"rows": (), "schedule": "x"}, "balanced_pioneer.schedule wants one of paper, release"),
        ({"rows": ((0, 4, 0.0, 1.0),)}, "rows wants starts that rise from 0 and sizes from 4 to 8"),
        ({"margin": -0.2}, "balanced_pioneer.margin wants at least 0 at 8x8, got -0.2"),
        ({"equalised": True}, "balanced_pioneer.equalised wants no spectral_norm"),
        ({"fade_images": -1}, "fade_images wants at least 0"),
        ({"latent": 1}, "balanced_pioneer.latent wants a multiple of 2"),
    ],
)
def test_settings_out_of_range_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BadSetting, match=message):
        build(**change)


def test_a_table_that_ends_too_early_is_refused() -> None:
    settings = Balanced.settings(table="lsun")

    with (
        torch.device("meta"),
        pytest.raises(BadSetting, match="with rows that far, at 512x512, got lsun"),
    ):
        Balanced.build(settings, 512)
    with pytest.raises(BadSetting, match="balanced_pioneer grows by doubling"):
        Balanced.build(settings, 48)


def test_scores_are_plain_numbers() -> None:
    scores: dict[str, Tensor] = build(seen=70).step(images(), rng())

    assert list(scores)[:3] == ["kl_real", "kl_fake", "l1"]
    assert all(score.dim() == 0 and not score.requires_grad for score in scores.values())
