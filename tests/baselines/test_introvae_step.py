"""IntroVAE: the rules of its training step."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from small_introvae import build, close, gradients
from small_parts import images, rng, weights
from together import together
from torch import Tensor, nn
from waiting import Waits

from genbench.interfaces import Batch
from genbench.runtime.devices import bfloat16


def relu(x: float) -> float:
    return max(x, 0.0)


@pytest.mark.parametrize("margin", [0.5, 20.0])
def test_losses_are_those_of_the_paper_with_the_reductions_of_the_code(margin: float) -> None:
    """Squared error summed over pixels, no 1/2; means over the batch before the hinge."""
    scores = build(margin=margin, encoder_weight=0.3, generator_weight=0.4).step(images(), rng())
    s = {name: float(value) for name, value in scores.items()}
    hinges = relu(margin - s["kl_reconstruction"]) + relu(margin - s["kl_sample"])

    assert s["margin"] == margin
    expected = 0.7 * s["squared_error"] + s["kl_real"] + 0.3 * hinges
    assert s["encoder_loss"] == pytest.approx(expected, rel=1e-6)


def test_generator_loss_by_hand() -> None:
    """With lr = 0 the encoder it meets is the one that the scores are of."""
    scores = build(lr=0.0, generator_weight=0.4).step(images(), rng())
    s = {name: float(value) for name, value in scores.items()}
    expected = 0.7 * s["squared_error"] + 0.4 * (s["kl_reconstruction"] + s["kl_sample"])

    assert s["generator_loss"] == pytest.approx(expected, rel=1e-5)


def test_squared_error_is_pixels_times_the_mean() -> None:
    model = build(lr=0.0)
    batch = images()
    rebuilt: list[Tensor] = []
    model.generator.register_forward_hook(lambda *about: rebuilt.append(about[-1].detach()))
    scores = model.step(batch, rng())
    mse = nn.functional.mse_loss(rebuilt[0], (batch.images + 1) / 2)

    assert scores["squared_error"] == pytest.approx(3 * 16 * 16 * float(mse), rel=1e-5)


@pytest.mark.parametrize(("hinge", "expected"), [("batch", 1.0), ("image", 1.5)])
def test_hinge_is_on_the_mean_of_the_batch(hinge: str, expected: float) -> None:
    """K = 1 and 5, m = 4: [4 - 3]+ = 1; image by image (3 + 0) / 2."""
    model = build(hinge=hinge)

    assert model._hinge(torch.tensor(4.0), torch.tensor([1.0, 5.0])) == expected


class Spy:
    """What a step shows to the networks, and how they stand at either update."""

    def __init__(self, model: Any) -> None:
        self.latents: list[Tensor] = []
        self.judged: list[Tensor] = []
        self.order: list[str] = []
        self.at: dict[str, Any] = {}
        model.generator.register_forward_pre_hook(lambda _, given: self.latents.append(given[0]))
        model.encoder.register_forward_pre_hook(lambda _, given: self.judged.append(given[0]))
        for name, adam in model.optimizers().items():
            adam.register_step_post_hook(lambda *_, name=name: self.note(name, model))

    def note(self, name: str, model: Any) -> None:
        self.order.append(name)
        self.at[name] = copy.deepcopy(model.encoder), weights(model.generator)
        self.at[name + " gradients"] = [
            [torch.empty(0) if w.grad is None else w.grad.clone() for w in net.parameters()]
            for net in (model.encoder, model.generator)
        ]


def spied(**changes: Any) -> tuple[Any, Any, Spy, Tensor]:
    """A model before and after a step, float64, and what was seen of the step."""
    model = build(**changes).double()
    batch = images()
    batch = Batch(batch.images.double(), batch.index)
    before, spy = copy.deepcopy(model), Spy(model)
    model.step(batch, rng())
    return before, model, spy, (batch.images + 1) / 2


def error(x: Tensor, y: Tensor) -> Tensor:
    return (x - y).square().sum((1, 2, 3)).mean()


def test_encoder_first_then_the_generator_on_the_same_latents() -> None:
    """2 passes of the generator and 5 of the encoder, none of them of mixed kinds of images."""
    before, model, spy, x = spied()

    assert spy.order == ["encoder", "generator"]
    assert [len(z) for z in spy.latents] == [8, 8]
    assert torch.equal(spy.judged[0], x)
    assert len(spy.judged) == 5
    for first, second in ((1, 3), (2, 4)):
        assert torch.equal(spy.judged[first], spy.judged[second])
        assert not spy.judged[first].requires_grad
        assert spy.judged[second].requires_grad
    assert close(spy.at["encoder"][1], weights(before.generator), 0)
    assert not close(weights(model.generator), weights(before.generator))
    assert close(weights(spy.at["encoder"][0]), weights(model.encoder), 0)


def test_the_encoders_loss_leaves_the_generator_the_gradient_of_the_error_alone() -> None:
    """The hinges see detached images, and the KL of real ones never passes the generator."""
    before, _, spy, x = spied()
    (beta * error(x, before.generator(spy.latents[0].detach()))).backward()

    assert close(spy.at["encoder gradients"][1], gradients(before.generator))


beta = 0.7  # of small_introvae


def test_both_safe_forms_of_the_update_agree() -> None:
    """The generator's gradient against the images made anew from the same latents.

    That is the second form of the specification: latents detached, its loss in full. The
    first, a backward pass restricted to the generator's weights, is how the step does it;
    without the restriction torch refuses, since the encoder's weights have moved.
    """
    before, _, spy, x = spied(generator_weight=0.4)
    moved, _ = spy.at["encoder"]
    generator = before.generator
    z, prior = (latents.detach() for latents in spy.latents)
    rebuilt, drawn = generator(z), generator(prior)

    def kl(shown: Tensor) -> Tensor:
        mean, logvar = moved(shown).chunk(2, dim=1)
        return ((mean.square() + logvar.exp() - 1 - logvar) / 2).sum(1).mean()

    (beta * error(x, rebuilt) + 0.4 * (kl(rebuilt) + kl(drawn))).backward()

    assert close(spy.at["generator gradients"][1], gradients(generator))


def test_the_generators_loss_leaves_the_encoder_no_gradient() -> None:
    _, model, spy, _ = spied()

    assert close(gradients(model.encoder), spy.at["encoder gradients"][0], 0)


def test_gradients_do_not_pile_up_from_step_to_step() -> None:
    model = build(lr=0.0)
    model.step(images(), rng())
    first = gradients(model)
    model.step(images(), rng())

    assert close(gradients(model), first, 1e-6)


def test_hinge_rests_beyond_the_margin() -> None:
    """m = 0: every K is above it, so the encoder's gradient is that of the plain autoencoder."""
    (_, _, playing, _), (_, _, plain, _) = spied(margin=0.0), spied(warmup=100)

    assert close(playing.at["encoder gradients"][0], plain.at["encoder gradients"][0])
    assert not close(playing.at["generator gradients"][1], plain.at["generator gradients"][1])


def test_error_reaches_the_encoder_through_the_generator() -> None:
    """A step of the warm-up: the gradient of beta error + K of the whole chain."""
    model = build(warmup=100).double()
    batch = images()
    twin = copy.deepcopy(model)
    model.step(Batch(batch.images.double(), batch.index), rng())
    x = (batch.images.double() + 1) / 2
    mean, logvar = twin.encoder(x).chunk(2, dim=1)
    z = mean + (logvar / 2).exp() * torch.randn(8, 6, generator=rng())
    kl = ((mean.square() + logvar.exp() - 1 - logvar) / 2).sum(1).mean()
    (beta * error(x, twin.generator(z)) + kl).backward()

    assert close(gradients(model), gradients(twin))


@pytest.mark.parametrize(("changes", "weight"), [({}, 0.7), ({"warmup_beta": 1.0}, 1.0)])
def test_warm_up_weighs_the_error_as_the_paper_does(
    changes: dict[str, float], weight: float
) -> None:
    """By beta, since m is to be read off it; the code has 1."""
    scores = build(warmup=100, **changes).step(images(), rng())

    expected = weight * scores["squared_error"] + scores["kl_real"]
    assert scores["encoder_loss"] == pytest.approx(float(expected), rel=1e-6)
    assert "kl_sample" not in scores


@pytest.mark.parametrize(("statistics", "passes"), [("real", 1), ("mixed", 5)])
def test_running_statistics_of_the_encoder_are_of_real_images(statistics: str, passes: int) -> None:
    model = build(statistics=statistics, lr=0.0)
    twin = copy.deepcopy(model)
    batch = images()
    model.step(batch, rng())
    twin.encoder((batch.images + 1) / 2)
    ours, real = model.encoder.norm, twin.encoder.norm

    assert ours.num_batches_tracked == passes
    assert model.generator.blocks[0].norm1.num_batches_tracked == 2  # posterior and prior
    assert torch.equal(ours.running_mean, real.running_mean) is (statistics == "real")


def test_real_images_are_coded_in_evaluation_as_in_training() -> None:
    """The complaint about the release, "good during training, garbage after loading".

    With momentum 0.5 one millionth of the first values is left after 20 steps. Batch variances
    of 8 images at 4x4 are within 1 % of the unbiased ones that are kept.
    """

    def drift(statistics: str) -> float:
        model = build(statistics=statistics, lr=0.0)
        for part in model.encoder.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.momentum = 0.5
        for _ in range(20):
            model.step(images(), rng())
        with torch.no_grad():
            trained = model.encode(images().images)
            later = model.eval().encode(images().images)
        return float((later - trained).norm() / trained.norm())

    assert drift("real") < 0.02
    assert drift("mixed") > 0.2


def test_a_learned_margin_is_measured_late_in_the_warm_up() -> None:
    """1.5 times the mean KL of its last fifth: here the steps at 64 and 72 of 80 images."""
    model = build(warmup=80, margin=None, margin_factor=1.5)
    kls = []
    for seen in range(0, 80, 8):
        model.seen = seen
        kls.append(float(model.step(images(seed=seen), rng(seen))["kl_real"]))
    for seen in (80, 88):
        model.seen = seen
        scores = model.step(images(seed=seen), rng(seen))
        assert scores["margin"] == pytest.approx(1.5 * (kls[-2] + kls[-1]) / 2, rel=1e-6)


def test_the_margin_survives_a_resume() -> None:
    """In the midst of its measurement, and after it."""
    model = build(warmup=80, margin=None)
    other = build(warmup=80, margin=None, seed=3)
    for seen in (64, 72, 80):
        model.seen = seen
        model.step(images(seed=seen), rng(seen))
        other.load_state_dict(copy.deepcopy(model.state_dict()))
        for name, adam in other.optimizers().items():
            adam.load_state_dict(copy.deepcopy(model.optimizers()[name].state_dict()))
        model.seen = other.seen = seen + 8
        ours, theirs = (each.step(images(seed=9), rng(9)) for each in (model, other))
        assert ours == theirs


def test_without_a_warm_up_the_first_batch_sets_the_margin_for_good() -> None:
    model = build(seen=80, warmup=80, margin=None, margin_factor=2.0)
    first = model.step(images(), rng())
    later = model.step(images(seed=1), rng(1))

    assert first["margin"] == pytest.approx(2 * float(first["kl_real"]))
    assert later["margin"] == first["margin"]


@pytest.mark.parametrize("seen", [0, 72, 80])
@pytest.mark.parametrize("margin", [None, 20.0])
def test_a_step_never_waits_for_the_device(seen: int, margin: float | None) -> None:
    model = build(seen=seen, warmup=80, margin=margin)
    with Waits() as waits:
        for _ in range(2):
            model.step(images(), rng())

    assert waits.found == []


def test_the_generator_meets_the_moved_encoder_under_autocast_too() -> None:
    """Autocast's cache would keep the encoder's weights from before its update."""

    def loss(lr: float) -> float:
        with bfloat16(torch.device("cpu")):
            return float(build(lr=lr).step(images(), rng())["generator_loss"])

    assert loss(0.01) != pytest.approx(loss(0.0), rel=1e-3)


def test_a_short_last_batch_does_no_harm() -> None:
    model = build()
    scores = model.step(images(1), rng())

    assert all(score.isfinite() for score in scores.values())
    assert all(weight.isfinite().all() for weight in model.parameters())


HINGE = """
from genbench import registry
IntroVAE = registry.model("introvae")
model = IntroVAE.build(IntroVAE.settings(latent=2, channels=(4,)), 8)
w = torch.ones((), requires_grad=True)
kl = w * torch.tensor([1.0, 2.0, 5.0, 6.0])[RANK * 4 // COUNT :][: 4 // COUNT]
loss = model._hinge(torch.tensor(4.0), kl)
loss.backward()
if COUNT > 1:
    dist.all_reduce(w.grad)
    w.grad /= COUNT  # as DistributedDataParallel does
tell([loss.item(), w.grad.item()])
"""


@pytest.mark.parametrize("count", [1, 2])
def test_hinge_is_on_the_mean_of_all_processes(count: int, tmp_path: Path) -> None:
    """Mean 3.5 of four images: [4 - 3.5]+ with slope -3.5; halves by themselves: 1.25, -0.75."""
    assert together(HINGE, tmp_path, count) == [[0.5, -3.5]] * count
