"""ProgGAN: schedule, images on the way, capabilities, settings, and runs that can be repeated."""

from __future__ import annotations

import copy
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from small_parts import rng, same, weights
from small_proggan import FADE, SMALL, STABLE, ProgGAN, build, images, proggan
from torch import Tensor

import genbench
from genbench.errors import BadSetting
from genbench.images import to_bytes
from genbench.interfaces import Decodes, Draws, Encodes, Generates, Interpolates
from genbench.runs import checkpoints
from genbench.settings import Layer, resolve

growing: Any = import_module("genbench.baselines._parts.progressive_schedule")


def published(resolution: int = 128, preset: str = "celebahq-128") -> Any:
    with torch.device("meta"):
        return ProgGAN.build(ProgGAN.settings(**ProgGAN.presets[preset].settings), resolution)


@pytest.mark.parametrize(
    ("kimg", "lod"), [(0, 5.0), (600, 5.0), (900, 4.5), (1200, 4.0), (1462, 4.0), (6_000, 0.0)]
)
def test_level_of_detail_falls_as_published(kimg: int, lod: float) -> None:
    """Stable first, then the fade. The last look is up to 4 batches ago, 0.001 of a fade."""
    model = published()

    assert model.lod(1000 * kimg) == pytest.approx(lod, abs=0.001)
    model.schedule = growing.Glances(model.schedule.schedule, model.settings.batches, steps=1)
    exact = model.schedule.schedule.growth(1000 * kimg)
    assert 5 - exact.phase + (1 - exact.alpha if exact.fading else 0) == lod


def test_resolutions_fades_and_batches_are_those_of_the_second_version() -> None:
    model = published()
    stages = [model.stage(1000 * kimg) for kimg in (0, 599, 900, 1300, 3300, 4500, 5990, 11_000)]

    assert [s.resolution for s in stages] == [4, 4, 8, 8, 32, 64, 128, 128]
    assert [s.batch for s in stages] == [128, 128, 128, 128, 64, 32, 16, 16]
    assert [s.alpha for s in stages] == pytest.approx(
        [1, 1, 0.5, 1, 0.5, 0.5, 1 - 10 / 600, 1], abs=0.002
    )
    assert model.total(30_000) == 12_000_000


def test_schedule_gives_the_image_counts_that_the_report_printed() -> None:
    """Replayed with the original's ticks: 160 000, 140 000, ... images, counted at every look.

    480.8, 901.6, 1462.8, 2104.3, 2705.9, 2946.6 and 3146.8 thousand images are printed; they
    come out only with the batch table, the order of stable phase and fade, and the looks.
    """
    model = published()
    tick_images = {4: 160_000, 8: 140_000, 16: 120_000, 32: 100_000}
    seen = start = 0
    ticks = []
    while seen < 3_200_000:
        stage = model.stage(seen)
        seen += 4 * stage.batch
        if seen >= start + tick_images[stage.resolution]:
            start = seen
            ticks.append(round(seen / 1000, 1))

    assert set(ticks) >= {480.8, 901.6, 1462.8, 2104.3, 2705.9, 2946.6, 3146.8}
    assert model.stage(1_462_800).name == "8x8"
    assert model.stage(3_146_752).resolution == 32
    assert model.stage(3_146_752).alpha == pytest.approx(0.24, abs=0.005)


def test_between_two_looks_nothing_changes() -> None:
    """4 steps of 128 images; the first look after 600 000 images comes at 600 064."""
    schedule = published().schedule

    assert schedule.last_look(511) == 0
    assert schedule.last_look(512) == 512
    assert schedule.last_look(600_063) == 599_552
    assert schedule.last_look(600_064) == 600_064
    assert {schedule.growth(600_064 + i).alpha for i in (0, 128, 511)} == {64 / 600_000}
    inputs = {schedule.last_look(seen) for seen in range(2_990_000, 3_010_000)}
    steps = [b - a for a, b in zip(sorted(inputs), sorted(inputs)[1:], strict=False)]
    assert set(steps) == {512, 256}  # batches of 128, then of 64
    assert sorted(steps, reverse=True) == steps


def test_phases_follow_each_other_whatever_the_batch() -> None:
    """Larger than a phase: a look may jump over one."""
    schedule = growing.Glances(growing.Schedule((0, 10, 20, 30), 5), (16,) * 4, 4)

    assert [schedule.growth(seen).phase for seen in (0, 63, 64, 1000)] == [0, 0, 3, 3]


def test_smaller_images_are_means_of_squares_rounded_once() -> None:
    """Against the definition in whole numbers; ties go to the even level as the original's do."""
    x = images(6, 16).images
    levels = to_bytes(x).to(torch.int64)
    for size in (8, 4):
        f = 16 // size
        sums = levels.unfold(2, f, f).unfold(3, f, f).sum((-1, -2))
        expected = (sums.double() / f**2).round().to(torch.uint8)
        assert torch.equal(to_bytes(growing.box(x, size)), expected)
    assert growing.box(x, 16) is x


def test_real_images_fade_with_the_networks() -> None:
    """(1 - t) x + t up(down(x)), not rounded again; at 4x4 and after a fade as they are."""
    x = images(4, 16).images
    small = growing.box(x, 8)
    doubled = F.interpolate(F.avg_pool2d(small, 2), scale_factor=2, mode="nearest")
    fading = proggan.shown(x, growing.Growth(1, 0.3))

    assert torch.allclose(fading, 0.3 * small + 0.7 * doubled, atol=1e-6)
    assert torch.equal(proggan.shown(x, growing.Growth(1, 1.0)), small)
    assert torch.equal(proggan.shown(x, growing.Growth(0, 0.3)), growing.box(x, 4))


def test_it_generates_and_does_not_encode() -> None:
    model = build()

    assert all(isinstance(model, kind) for kind in (Generates, Draws, Decodes, Interpolates))
    assert not isinstance(model, Encodes)


def test_latents_have_norm_root_d_and_so_have_ways_between_them() -> None:
    model = build()
    a, b = model.draw(5, rng(1)), model.draw(5, rng(2))

    assert torch.allclose(a.norm(dim=1), torch.full((5,), 8**0.5), atol=1e-4)
    assert torch.allclose(
        model.interpolate(a, b, 0.3).norm(dim=1), torch.full((5,), 8**0.5), atol=1e-4
    )
    gaussian = torch.randn(5, 8, generator=rng(1))
    assert torch.allclose(model.decode(a), model.decode(gaussian), atol=1e-5)
    assert torch.equal(model.sample(5, rng(1)), model.decode(a))
    assert model.sample(2).shape == (2, 3, 4, 4)


@pytest.mark.parametrize(("seen", "resolution"), [(0, 4), (STABLE + 8, 8), (3 * STABLE, 16)])
def test_a_half_trained_model_works_at_its_present_resolution(seen: int, resolution: int) -> None:
    assert build(16, seen).sample(2, rng()).shape == (2, 3, resolution, resolution)


@pytest.mark.parametrize("preset", ProgGAN.presets)
def test_presets_resolve_and_reach_their_resolution(preset: str) -> None:
    layers = [Layer(f"preset {preset}", ProgGAN.presets[preset].settings)]
    settings = resolve(ProgGAN.settings, layers, "proggan").values
    with torch.device("meta"):
        model = ProgGAN.build(settings, ProgGAN.presets[preset].resolution)

    end = model.stage(model.total(1) - 1)
    assert (end.resolution, end.alpha) == (ProgGAN.presets[preset].resolution, 1.0)


def test_presets_are_the_published_ones() -> None:
    at = {name: ProgGAN.settings(**each.settings) for name, each in ProgGAN.presets.items()}
    hq, cifar, ablation = at["celebahq-1024"], at["cifar10-32"], at["ablation-128"]

    assert hq.batches[-4:] == (16, 14, 6, 3)
    assert (hq.stable_images, hq.images, hq.stddev_group) == (800_000, 19_000_000, 0)
    assert (cifar.latent, cifar.gp_target, cifar.images) == (128, 750, 20_000_000)
    assert cifar.simultaneous
    assert (ablation.fmap_base, ablation.images, ablation.ramp_images) == (2048, 10_000_000, 0)
    assert (at["lsun-256"].images, at["lsun-256"].fade_images) == (20_000_000, 800_000)
    assert at["celeba-64"] == at["report-wasserstein"] == ProgGAN.settings()


def test_learning_rate_is_higher_at_1024_and_may_rise_at_the_start() -> None:
    """exp(-5 (1 - p)^2) during the first 40 000 images in the first version; none in the second."""
    second, first = ProgGAN.settings(), ProgGAN.settings(ramp_images=40_000)

    assert proggan.learning_rate(second, 512, 0) == 1e-3
    assert proggan.learning_rate(second, 1024, 0) == 1.5e-3
    assert proggan.learning_rate(first, 4, 0) == pytest.approx(1e-3 * 0.006738, rel=1e-3)
    assert proggan.learning_rate(first, 4, 20_000) == pytest.approx(1e-3 * 0.286505, rel=1e-3)
    assert proggan.learning_rate(first, 4, 40_000) == 1e-3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"latent": 0}, r"proggan.latent wants at least 1 at 8x8, got 0; change it with --set lat"),
        ({"fmap_base": 2}, "proggan.fmap_base wants at least 4 at 8x8, got 2"),
        ({"fmap_max": 0}, "fmap_max wants at least 1"),
        ({"stddev_group": -1}, "stddev_group wants at least 0"),
        ({"statistics": ("mean",)}, "statistics wants some of std, kurtosis, skewness at 8x8, got"),
        ({"batches": (8,)}, r"proggan.batches wants 2 numbers from 1 on, got \(8,\)"),
        ({"stable_images": 0}, "stable_images wants at least 1"),
        ({"fade_images": -1}, "fade_images wants at least 0"),
        ({"look_steps": 0}, "look_steps wants at least 1"),
        ({"average_decay": 1.5}, "average_decay wants 0 to 1"),
        ({"gp_target": 0.0}, "gp_target wants more than 0"),
        ({"loss": "hinge"}, "loss wants wasserstein or least_squares, got hinge"),
        ({"gp_scale": "full"}, "gp_scale wants full_resolution or native, got full"),
        ({"rr_on": "images"}, "rr_on wants none or features or latents, got images"),
    ],
)
def test_settings_out_of_range_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BadSetting, match=message):
        build(**change)


def test_resolutions_between_are_refused() -> None:
    with pytest.raises(BadSetting, match="proggan grows by doubling"):
        build(48)


def train(model: Any, start: int, stop: int, draws: torch.Generator) -> dict[str, Tensor]:
    scores: dict[str, Tensor] = {}
    for seen in range(start, stop, 8):
        model.seen = seen
        scores = model.step(images(8, 8, seed=seen), draws)
    return scores


def test_equal_seeds_give_equal_runs() -> None:
    a, b = build(), build()
    first, second = train(a, 0, 160, rng()), train(b, 0, 160, rng())

    assert first == second
    assert same(weights(a), weights(b))


@pytest.mark.parametrize("cut", [8, STABLE, STABLE + 8, STABLE + FADE, STABLE + FADE + 8])
def test_a_resumed_run_is_bit_identical(cut: int) -> None:
    """Cut just before Adam is reset, just after it, and between."""
    whole, draws = build(), rng()
    train(whole, 0, cut, draws)
    saved = {name: value.clone().contiguous() for name, value in whole.state_dict().items()}
    moments = copy.deepcopy({n: o.state_dict() for n, o in whole.optimizers().items()})
    dice = draws.get_state()
    expected = train(whole, cut, cut + 24, draws)

    other, again = build(seed=99), rng(99)
    other.load_state_dict(saved, strict=True)
    for name, optimizer in other.optimizers().items():
        optimizer.load_state_dict(moments[name])
    again.set_state(dice)

    assert train(other, cut, cut + 24, again) == expected
    assert same(weights(other), weights(whole))
    for name, optimizer in other.optimizers().items():
        ours, theirs = optimizer.state_dict()["state"], whole.optimizers()[name].state_dict()
        assert str(ours) == str(theirs["state"])


def test_a_run_stopped_after_every_step_is_the_run_that_never_stopped(tmp_path: Path) -> None:
    """Through the engine: 4x4 for 4 steps, a fade of 4, then 8x8; Adam is reset on the way."""
    settings = {**SMALL, "stable_images": 32, "fade_images": 32, "images": 88}
    training = {"data": "toyfaces:40", "resolution": 8, "grids": 0}

    def start(name: str, **more: Any) -> Any:
        return genbench.train(
            "proggan", settings=settings, training=training | more, runs_dir=tmp_path, name=name
        )

    straight, broken = start("straight"), start("broken", minutes=0)
    while broken.facts["seen"] < 88:
        broken, _ = genbench.resume(broken.folder, {"minutes": 0})

    a, b = (checkpoints.latest(run.checkpoints, training=True)[0] for run in (straight, broken))
    assert a.seen == b.seen == 88
    for one, other in ((a.model, b.model), (a.average, b.average)):
        assert one.keys() == other.keys()
        assert all(torch.equal(value, other[name]) for name, value in one.items())
    assert str(a.optimizers) == str(b.optimizers)


def test_evaluation_changes_nothing() -> None:
    model = build(seen=200).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        model.sample(3, rng())

    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
