"""Pioneer: the rules of its training step."""

from __future__ import annotations

import dataclasses
import itertools
from importlib import import_module
from typing import Any

import pytest
import torch
from small_parts import rng, same, weights
from small_pioneer import Pioneer, S, build, images
from torch import Tensor
from waiting import Waits

from genbench.interfaces import Batch

least_kl: Any = import_module("genbench.baselines._parts.losses").least_kl


def total_l1_weight(scores: dict[str, Tensor]) -> float:
    """m, solved from the encoder's total 0.1 (K_real - K_fake) + m L_X."""
    rest = scores["encoder_loss"] - 0.1 * (scores["kl_real"] - scores["kl_fake"])
    return float(rest / scores["l1"])


@pytest.mark.parametrize(
    ("seen", "expected"), [(0, 1.0), (S // 2 - 1, 1.0), (S // 2, 1.5), (S, 1.0), (5 * S, 1.5)]
)
def test_reconstruction_weighs_more_in_the_second_half_of_every_phase(
    seen: int, expected: float
) -> None:
    assert total_l1_weight(build(seen=seen).step(images(), rng())) == pytest.approx(
        expected, abs=1e-4
    )


def test_scores_add_up_and_keep_their_bounds() -> None:
    """Generator: 0.1 K + 100 (2 - cos / d). K is never below its bound on the sphere."""
    model = build(seen=2 * S)
    for _ in range(3):
        scores = model.step(images(), rng())
        total = 0.1 * scores["kl_generator"] + 100 * (2 - scores["cosine"] / 16)
        assert scores["generator_loss"] == pytest.approx(float(total), rel=1e-6)
        for name in ("kl_real", "kl_fake", "kl_generator"):
            assert scores[name] >= least_kl(16)
        assert 0 <= scores["variance"] <= 1
        assert all(s.dim() == 0 and not s.requires_grad and s.isfinite() for s in scores.values())


def test_a_step_never_waits_for_the_device() -> None:
    """Before, at and after the buffer is full."""
    model = build(seen=2 * S)
    with Waits() as waits:
        for _ in range(3):
            model.step(images(), rng())

    assert waits.found == []


def test_one_encoder_update_then_two_of_the_generator() -> None:
    """Each network is bit-identical, and without gradients, across the updates of the other."""
    model = build(seen=2 * S)
    order: list[str] = []
    seen_by = {"encoder": model.generator, "generator": model.encoder}
    start = {name: weights(other) for name, other in seen_by.items()}

    def note(name: str) -> Any:
        def hook(*_: Any) -> None:
            other = seen_by[name]
            order.append(name)
            if name == "encoder":
                assert same(start[name], weights(other))
                assert all(weight.grad is None for weight in other.parameters())
                gradients.extend(
                    w.grad.clone() for w in model.encoder.parameters() if w.grad is not None
                )
                start["generator"] = weights(model.encoder)
            else:
                assert same(start[name], weights(other))

        return hook

    gradients: list[Tensor] = []
    for name, optimizer in model.optimizers().items():
        optimizer.register_step_post_hook(note(name))
    model.step(images(), rng())

    assert order == ["encoder", "generator", "generator"]
    left = [w.grad for w in model.encoder.parameters() if w.grad is not None]
    assert gradients
    assert same(gradients, left)
    assert all(weight.requires_grad for weight in model.parameters())
    assert not same(weights(model.generator), start["encoder"])


def test_reconstruction_reaches_the_encoder_through_the_generator() -> None:
    """With the KL switched off, L_X alone moves it; detaching the codes would leave it still."""
    model = build(seen=2 * S, kl_weight=0.0)
    before = weights(model.encoder.blocks)
    model.step(images(), rng())

    assert not same(before, weights(model.encoder.blocks))


def test_optimisers_have_the_published_settings() -> None:
    """Betas as floats: newer releases of torch refuse a mix of types."""
    for optimizer in build().optimizers().values():
        group = optimizer.param_groups[0]
        assert (group["lr"], group["betas"], group["eps"], group["weight_decay"]) == (
            1e-3,
            (0.0, 0.99),
            1e-8,
            0,
        )
        assert all(isinstance(beta, float) for beta in group["betas"])


def test_blocks_not_in_use_stay_as_they_are() -> None:
    model = build(16, seen=0)
    later = [model.generator.blocks[1:], model.encoder.blocks[1:], model.generator.to_rgb[1:]]
    before = [weights(part) for part in later]
    model.step(images(8, 16), rng())

    assert all(same(old, weights(part)) for old, part in zip(before, later, strict=True))


def test_buffer_fills_only_when_the_fade_is_over() -> None:
    """And starts anew in the next phase."""
    model = build(16)
    held = []
    for seen in (0, 8, 16, 24, 32, 40, 48, 56):
        model.seen = seen
        model.step(images(8, 16), rng())
        held.append((model.buffer.phase, model.buffer.held))

    assert held == [(-1, 0), (-1, 0), (0, 8), (0, 12), (0, 12), (0, 12), (1, 8), (1, 12)]


def test_older_images_reach_the_encoder_step_only() -> None:
    """Two models that differ in what the buffer holds; with lr = 0 nothing else can differ."""
    plain, other = build(seen=2 * S, lr=0.0), build(seen=2 * S, lr=0.0)
    for seed in (1, 2):
        for model in (plain, other):
            model.step(images(), rng(seed))
    other.buffer.storage.fill_(0.5)
    a, b = plain.step(images(), rng(3)), other.step(images(), rng(3))

    assert a["kl_fake"] != b["kl_fake"]
    assert all(a[name] == b[name] for name in ("kl_real", "l1", "kl_generator", "cosine"))


def test_older_images_wait_for_the_end_of_the_fade() -> None:
    model, other = build(seen=S + 4, lr=0.0), build(seen=S + 4, lr=0.0)
    other.buffer.storage.fill_(0.5)

    assert model.step(images(), rng()) == other.step(images(), rng())


def test_a_short_last_batch_does_no_harm() -> None:
    """One image has no variance; the fakes still come in the nominal number."""
    model = build(seen=3 * S)
    scores = model.step(images(1), rng())

    assert all(score.isfinite() for score in scores.values())
    assert all(weight.isfinite().all() for weight in model.parameters())


@pytest.mark.slow
def test_it_learns_to_reconstruct_and_to_spread() -> None:
    """An independent trial at 4x4 on coloured blobs: L1 0.28 -> 0.10 within 40 000 images."""
    settings = dataclasses.replace(
        Pioneer.settings(**Pioneer.presets["tiny"].settings), batches=(32,) * 9, growing=False
    )
    torch.manual_seed(0)
    model, draws = Pioneer.build(settings, 4).train(), rng()
    for _ in itertools.repeat(None, 40_000 // 32):
        scores = model.step(Batch(blobs(32, draws), torch.arange(32)), draws)

    assert scores["l1"] < 0.2
    assert scores["kl_real"] < 5


def blobs(n: int, draws: torch.Generator) -> Tensor:
    """One coloured Gaussian blob on a coloured ground, 4x4."""
    rows = torch.rand(n, 9, generator=draws)
    y, x = torch.meshgrid(torch.arange(4) / 3, torch.arange(4) / 3, indexing="ij")
    middle = rows[:, :2, None, None]
    distance = (y - middle[:, 0]).square() + (x - middle[:, 1]).square()
    mask = torch.exp(-distance / (0.05 + 0.2 * rows[:, 2, None, None]))[:, None]
    ground, colour = rows[:, 3:6, None, None], rows[:, 6:9, None, None]
    return (ground * (1 - mask) + colour * mask) * 2 - 1


def test_without_growing_everything_works_from_the_first_image() -> None:
    """The CIFAR-10 runs: all layers, no fade, the late weight of the reconstruction."""
    model = build(16, growing=False)

    assert model.stage(0).name == "16x16"
    scores = model.step(images(8, 16), rng())
    assert total_l1_weight(scores) == pytest.approx(1.5, abs=1e-4)
