"""Pioneer: capabilities, schedule, settings, and runs that can be repeated."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from small_parts import rng, same, weights
from small_pioneer import Pioneer, S, build, images
from torch import Tensor

from genbench.errors import BadSetting
from genbench.interfaces import Decodes, Draws, Encodes, Generates, Interpolates
from genbench.settings import Layer, resolve


def test_it_has_every_capability() -> None:
    model = build()
    for capability in (Generates, Draws, Encodes, Decodes, Interpolates):
        assert isinstance(model, capability)


def test_codes_and_draws_have_norm_one() -> None:
    model = build(seen=S + 4)

    codes, drawn = model.encode(images().images), model.draw(9, rng())
    assert codes.shape == (8, 16)
    assert torch.allclose(codes.norm(dim=1), torch.ones(8))
    assert torch.allclose(drawn.norm(dim=1), torch.ones(9))
    assert torch.allclose(model.interpolate(codes, codes.flip(0), 0.3).norm(dim=1), torch.ones(8))


def test_sample_is_decode_of_draw() -> None:
    model = build(seen=100)

    assert torch.equal(model.sample(5, rng()), model.decode(model.draw(5, rng())))
    assert model.sample(2).shape == (2, 3, 8, 8)


@pytest.mark.parametrize(("seen", "resolution"), [(0, 4), (S, 8), (S + 4, 8), (2 * S, 16)])
def test_a_half_trained_model_works_at_its_present_resolution(seen: int, resolution: int) -> None:
    model = build(16, seen)

    assert model.sample(2, rng()).shape == (2, 3, resolution, resolution)
    assert model.encode(images(2, 16).images).shape == (2, 16)
    assert model.stage(seen).resolution == resolution


def test_an_untrained_model_can_be_measured_at_full_resolution() -> None:
    model = build(16).eval()
    model.seen = model.total(1000)
    rebuilt = model.decode(model.encode(images(2, 16).images))

    assert rebuilt.shape == (2, 3, 16, 16)
    assert rebuilt.isfinite().all()


def test_published_batches_and_lengths() -> None:
    """The released code on one GPU; S = 2.4 million, in all S (last phase + 2)."""
    with torch.device("meta"):
        model = Pioneer.build(Pioneer.settings(), 64)
    seen = [0, 2_400_000, 4_800_000, 7_200_000, 9_600_000, 14_000_000]

    assert [model.stage(s).batch for s in seen] == [128, 128, 128, 64, 32, 32]
    assert [model.stage(s).resolution for s in seen] == [4, 8, 16, 32, 64, 64]
    assert model.total(1) == 14_400_000
    assert model.stage(2_400_000 + 600_000).alpha == pytest.approx(0.5)
    assert model.stage(2_400_000 + 1_200_000).alpha == 1


def test_128_goes_on_from_64_where_the_paper_did() -> None:
    """64x64 until 26.28 million images, a fade of 1.2 million, 36.2 million in all."""
    with torch.device("meta"):
        model = Pioneer.build(Pioneer.settings(**Pioneer.presets["celeba-128"].settings), 128)

    assert model.stage(26_279_999).name == "64x64"
    assert model.stage(26_280_000).name == "128x128 fade"
    assert model.stage(26_280_000 + 300_000).alpha == pytest.approx(0.25)
    assert model.stage(27_480_000).name == "128x128"
    assert model.total(1) == 36_200_000


@pytest.mark.parametrize("preset", Pioneer.presets)
def test_presets_resolve_and_fit_their_resolution(preset: str) -> None:
    layers = [Layer(f"preset {preset}", Pioneer.presets[preset].settings)]
    settings = resolve(Pioneer.settings, layers, "pioneer").values
    with torch.device("meta"):
        model = Pioneer.build(settings, Pioneer.presets[preset].resolution)

    end = model.stage(model.total(1) - 1)
    assert (end.resolution, end.alpha) == (Pioneer.presets[preset].resolution, 1.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"latent": 0}, "pioneer.latent wants a multiple of 2 at 8x8, got 0"),
        ({"batches": (8, 1)}, r"pioneer.batches wants 2 numbers from 2 on at 8x8, got \(8, 1\)"),
        ({"batches": (8,)}, "pioneer.batches wants 2 numbers"),
        ({"phase_starts": (0,)}, "pioneer.phase_starts wants none, or 2 rising numbers"),
        ({"phase_starts": (5, 9)}, "of which the first is 0"),
        ({"phase_starts": (0, 0)}, "rising"),
        ({"phase_images": 0}, "phase_images wants at least 1"),
        ({"generator_steps": 0}, "generator_steps wants at least 1"),
        ({"buffer": -1}, "buffer wants at least 0"),
        ({"average_decay": 1.5}, "average_decay wants 0 to 1"),
    ],
)
def test_settings_out_of_range_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BadSetting, match=message):
        build(**change)


def test_resolutions_between_are_refused() -> None:
    with pytest.raises(BadSetting, match="pioneer grows by doubling"):
        build(48)


def test_narrow_latents_are_refused_where_layers_would_vanish() -> None:
    """d / 32 feature maps at 1024x1024."""
    with torch.device("meta"), pytest.raises(BadSetting, match="a multiple of 32 at 1024x1024"):
        Pioneer.build(Pioneer.settings(latent=48), 1024)


def test_buffer_holds_half_as_many_large_images() -> None:
    """200 up to 128x128 and 100 from 256x256 on."""
    with torch.device("meta"):
        model = Pioneer.build(Pioneer.settings(), 256)

    assert [model.buffer.capacities[phase] for phase in (0, 5, 6)] == [200, 200, 100]
    assert model.buffer.storage.numel() == 100 * 3 * 256 * 256


def train(model: Any, start: int, stop: int, draws: torch.Generator) -> dict[str, Tensor]:
    scores: dict[str, Tensor] = {}
    for seen in range(start, stop, 8):
        model.seen = seen
        scores = model.step(images(8, 16, seed=seen), draws)
    return scores


def test_equal_seeds_give_equal_runs() -> None:
    a, b = build(16), build(16)
    first, second = train(a, 0, 2 * S, rng()), train(b, 0, 2 * S, rng())

    assert first == second
    assert same(weights(a), weights(b))


@pytest.mark.parametrize("cut", [8, S - 8, S, S + 8, S + S // 2 + 8])
def test_a_resumed_run_is_bit_identical(cut: int) -> None:
    """Cut in a fade, before and after a phase change, and with a buffer half full."""
    whole, draws = build(16), rng()
    train(whole, 0, cut, draws)
    saved = {name: value.clone().contiguous() for name, value in whole.state_dict().items()}
    moments = {name: o.state_dict() for name, o in whole.optimizers().items()}
    moments = torch.utils._pytree.tree_map_only(Tensor, torch.clone, moments)
    dice = draws.get_state()
    expected = train(whole, cut, cut + 24, draws)

    other, again = build(16, seed=99), rng(99)
    other.load_state_dict(saved, strict=True)
    for name, optimizer in other.optimizers().items():
        optimizer.load_state_dict(moments[name])
    again.set_state(dice)

    assert train(other, cut, cut + 24, again) == expected
    assert same(weights(other), weights(whole))


def test_evaluation_changes_nothing() -> None:
    """Not even the vectors of the spectral norm."""
    model = build(16, seen=3 * S).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    x = images(4, 16).images
    with torch.no_grad():
        first = model.decode(model.encode(x))
        model.sample(3, rng())
        assert torch.equal(model.decode(model.encode(x)), first)

    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_a_code_does_not_depend_on_its_batch() -> None:
    """To rounding: convolutions of other batch sizes add in another order."""
    model = build(16, seen=3 * S).eval()
    x = images(6, 16).images
    with torch.no_grad():
        alone = torch.cat([model.encode(x[i : i + 1]) for i in range(6)])

    assert torch.allclose(model.encode(x), alone, atol=1e-6)
