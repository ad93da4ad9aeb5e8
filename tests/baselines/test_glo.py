"""GLO: sizes, what a step moves, principal components as a start, codes of unseen images."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from genbench import registry
from genbench.errors import BadSetting
from genbench.images import to_bytes, to_floats
from genbench.interfaces import (
    Batch,
    Decodes,
    Draws,
    Encodes,
    Generates,
    Interpolates,
    Prepares,
)
from genbench.settings import Layer, resolve

GLO: Any = registry.model("glo")
SIDE = 16
SMALL = {"latent": 6, "base": 4, "batch": 8, "search_steps": 30}


def rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Images:
    """A training split whose images have seven smooth directions."""

    def __init__(self, n: int = 40) -> None:
        patterns = torch.nn.functional.interpolate(torch.randn(7, 3, 4, 4, generator=rng(0)), SIDE)
        weights = torch.randn(n, 7, generator=rng(1)) / torch.arange(1, 8)
        self.images = to_bytes((weights @ patterns.flatten(1)).view(n, 3, SIDE, SIDE).div(3).tanh())

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: Tensor) -> Tensor:
        return self.images[rows]


def built(seed: int = 0, **changes: Any) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return GLO.build(GLO.settings(**{**SMALL, **changes}), SIDE)


def prepared(**changes: Any) -> Any:
    model = built(**changes)
    model.prepare(Images(), rng(2))
    return model.train()


def batch(*rows: int) -> Batch:
    index = torch.tensor(rows)
    return Batch(to_floats(Images().take(index)), index)


def learn(model: Any, steps: int) -> Any:
    for step in range(steps):
        rows = torch.arange(8) + 8 * (step % 5)
        model.step(Batch(to_floats(Images().take(rows)), rows), rng(0))
        model.seen += 8
    return model


@pytest.mark.parametrize(
    ("resolution", "changes", "expected"),
    [
        (32, {"latent": 32, "channels": 1}, 788_352),
        (32, {"latent": 64}, 921_472),
        (64, {}, 4_854_656),
        (64, {"latent": 100}, 3_576_704),
        (128, {}, 15_342_464),
        (32, {"latent": 32, "base": 16}, 74_720),
    ],
)
def test_generator_has_the_published_number_of_parameters(
    resolution: int, changes: dict[str, Any], expected: int
) -> None:
    with torch.device("meta"):
        model = GLO.build(GLO.settings(**changes), resolution)

    assert sum(weight.numel() for weight in model.parameters()) == expected


def test_loss_is_the_mean_of_both_terms() -> None:
    """By hand: fakes of 0 against images of 0.25 have l2 1/16 and Lap1 1/4, flat as they are."""
    model = prepared(l2_weight=2.0, lap1_weight=3.0)
    torch.nn.init.zeros_(model.generator[-2].weight)
    rows = torch.arange(8)

    scalars = model.step(Batch(torch.full((8, 3, SIDE, SIDE), 0.25), rows), rng(0))

    assert scalars["l2"].item() == pytest.approx(1 / 16)
    assert scalars["lap1"].item() == pytest.approx(1 / 4)
    assert scalars["loss"].item() == pytest.approx(2 / 16 + 3 / 4)


def test_a_step_moves_generator_and_rows_by_the_same_gradient() -> None:
    """Both rates at work: theta by 0.5, rows by 4, and no second evaluation between them."""
    model = prepared(lr=0.5, latent_lr=4.0, lap1_weight=0.0, projection="ball")
    other = copy.deepcopy(model)
    given = batch(3, 30, 8, 12)
    z = other.codes.rows[given.index].requires_grad_()
    loss = (other.generator(z) - given.images).square().mean()
    loss.backward()

    model.step(given, rng(0))

    moved = z.detach() - 4 * z.grad
    wanted = moved / moved.norm(dim=1, keepdim=True).clamp_min(1)
    assert torch.allclose(model.codes.rows[given.index], wanted, atol=1e-6)
    for ours, theirs in zip(
        model.generator.parameters(), other.generator.parameters(), strict=True
    ):
        assert torch.allclose(ours, theirs - 0.5 * theirs.grad, atol=1e-6)


def test_rows_outside_the_batch_stay_as_they_are() -> None:
    model = prepared()
    before = model.codes.rows.clone()

    model.step(batch(5, 11, 2, 39), rng(0))

    changed = (model.codes.rows != before).any(1).nonzero().flatten().tolist()
    assert changed == [2, 5, 11, 39]


def test_codes_belong_to_images_and_not_to_places_in_the_batch() -> None:
    """The loader shuffles: the same images in another order leave the same table."""
    one, two = prepared(), prepared()
    one.step(batch(5, 11, 2, 39), rng(0))
    two.step(batch(39, 2, 5, 11), rng(0))

    assert torch.allclose(one.codes.rows, two.codes.rows, atol=1e-5)
    assert torch.equal(one.stored(torch.tensor([11, 2])), one.codes.rows[[11, 2]])


@pytest.mark.parametrize(("projection", "inside"), [("ball", True), ("sphere", False)])
def test_codes_stay_in_the_set(projection: str, inside: bool) -> None:
    model = learn(prepared(projection=projection), 10)
    norms = model.codes.rows.norm(dim=1)

    assert norms.max() < 1 + 1e-5
    assert bool(norms.min() < 0.99) is inside


def test_gradient_of_a_code_is_that_of_a_mean_over_the_batch() -> None:
    """Of a sum it would be 8 times that, and rates of 1 and 10 would kill the ReLUs."""
    model = prepared(lap1_weight=0.0, latent_lr=1e4).eval()  # no batch norm between the images
    model.project = lambda z: z  # and the rate makes up for how little an untrained net passes
    alone = copy.deepcopy(model)
    before = model.codes.rows.clone()
    rows = (0, 1, 2, 3, 4, 5, 6, 7)
    model.step(batch(*rows), rng(0))
    alone.step(batch(3), rng(0))

    share = (model.codes.rows - before)[3] / (alone.codes.rows - before)[3]
    assert share.tolist() == pytest.approx([1 / 8] * 6, rel=0.05)


def test_principal_start_is_the_svd_of_centred_images() -> None:
    """Against numpy; signs of directions are free."""
    model = built(start="pca", pca_scale="none", projection="ball")
    model.project = lambda z: z
    model.prepare(Images(), rng(2))
    rows = to_floats(Images().images).double().flatten(1).numpy()
    _, _, directions = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
    wanted = (rows - rows.mean(0)) @ directions[:6].T

    assert np.allclose(np.abs(model.codes.rows.numpy()), np.abs(wanted), atol=1e-3)


def test_principal_start_is_scaled_by_one_number_then_projected() -> None:
    plain, scaled = prepared(start="pca", pca_scale="none"), prepared(start="pca")
    norms = scaled.codes.rows.norm(dim=1)

    assert plain.codes.rows.norm(dim=1).mean() > 0.99  # unscaled codes lie outside: all clipped
    assert 0.7 < norms.mean() < 1
    assert norms.max() <= 1 + 1e-6
    aligned = torch.cosine_similarity(plain.codes.rows, scaled.codes.rows)
    assert aligned.min() > 1 - 1e-5


def test_start_depends_on_the_generator_alone() -> None:
    for start in ("gaussian", "pca"):
        first, again = prepared(start=start), prepared(start=start)
        assert torch.equal(first.codes.rows, again.codes.rows)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_training_goes_on_from_a_state_bit_by_bit(optimizer: str) -> None:
    whole = learn(prepared(optimizer=optimizer), 6)
    first, second = learn(prepared(optimizer=optimizer), 3), built(7, optimizer=optimizer).train()
    second.load_state_dict({name: value.clone() for name, value in first.state_dict().items()})
    state = copy.deepcopy(first.optimizers()["generator"].state_dict())
    second.optimizers()["generator"].load_state_dict(state)
    second.seen = first.seen
    for step in (3, 4, 5):
        rows = torch.arange(8) + 8 * (step % 5)
        second.step(Batch(to_floats(Images().take(rows)), rows), rng(0))

    for name, value in whole.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name
    assert torch.equal(whole.eval().sample(3, rng(4)), second.eval().sample(3, rng(4)))


def test_rates_are_halved_by_epochs() -> None:
    model = prepared(optimizer="adam", halve_epochs=2.0)
    rates = []
    for seen in (0, 79, 80, 160):
        model.seen = seen
        model.step(batch(0, 1, 2, 3), rng(0))
        rates.append(model.optimizers()["generator"].param_groups[0]["lr"])

    assert rates == [1e-3, 1e-3, 5e-4, 2.5e-4]


def test_grey_images_have_one_channel_and_come_as_three() -> None:
    model = prepared(channels=1).eval()
    images = model.sample(2, rng(0))

    assert images.shape == (2, 3, SIDE, SIDE)
    assert torch.equal(images[:, 0], images[:, 2])
    assert model.encode(to_floats(Images().images[:2])).shape == (2, 6)


def contrasted() -> Any:
    """A generator whose running statistics fit its codes, so that its images have contrast."""
    model = prepared(search_steps=500).train()
    with torch.no_grad():
        model.generator[-2].weight.mul_(20)
    for step in range(60):
        model.generator(model.draw(64, rng(step)))
    return model.eval()


@pytest.mark.parametrize("loss", ["mse", "lap1"])
def test_images_of_the_generator_itself_come_back_above_50_db(loss: str) -> None:
    """The paper's check of the search. Codes are taken from within the ball."""
    model = contrasted()
    model.settings = replace(model.settings, search_loss=loss)
    images = model.decode(model.project(model.draw(4, rng(3)))).detach()

    again = model.decode(model.encode(images))

    error = (again - images).square().flatten(1).mean(1)
    assert images.std() > 0.2
    assert (10 * (4 / error).log10()).min() > 50


def test_search_starts_at_the_mean_code_and_stays_in_the_ball() -> None:
    model, images = prepared(search_steps=0).eval(), to_floats(Images().images[:3])
    mean = model.codes.rows.mean(0)

    assert torch.allclose(model.encode(images), mean.expand(3, -1), atol=1e-6)
    model.settings = replace(model.settings, search_steps=20, search_lr=1.0)
    assert model.encode(images).norm(dim=1).max() <= 1 + 1e-6


def test_the_search_leaves_the_weights_trainable_and_without_gradient() -> None:
    model = prepared().eval()
    with torch.inference_mode():
        model.encode(to_floats(Images().images[:3]))

    assert all(w.requires_grad and w.grad is None for w in model.generator.parameters())
    model.train().step(batch(0, 1), rng(0))


def test_drawn_codes_may_be_projected() -> None:
    free, bound = prepared().eval(), prepared(project_samples=True).eval()

    assert free.draw(500, rng(0)).norm(dim=1).max() > 1.05
    assert bound.draw(500, rng(0)).norm(dim=1).max() <= 1 + 1e-6


def test_walks_go_through_the_mean_code_along_orthonormal_directions() -> None:
    model = prepared()
    walks = model.walks(4, torch.arange(-3.0, 4.0))
    mean = model.codes.rows.mean(0)
    ends = (walks[:, -1] - walks[:, 0]) / 6  # a deviation long each
    along = (model.codes.rows - mean) @ torch.nn.functional.normalize(ends).T

    assert walks.shape == (4, 7, 6)
    assert torch.allclose(walks[:, 3], mean.expand(4, -1), atol=1e-6)
    assert torch.allclose(along.std(0), ends.norm(dim=1), rtol=1e-4)
    assert torch.allclose(along.T.corrcoef(), torch.eye(4), atol=1e-3)


def test_it_learns() -> None:
    """From principal components, a small generator leaves the mean image behind in 150 steps."""
    images = to_floats(Images().images)
    mean = (images - images.mean(0)).square().mean().item()
    model = learn(prepared(start="pca"), 150)

    with torch.no_grad():
        error = (model.eval().decode(model.stored(torch.arange(40))) - images).square().mean()

    assert error < mean / 2


def test_it_has_every_capability() -> None:
    for capability in (Generates, Draws, Encodes, Decodes, Interpolates, Prepares):
        assert isinstance(built(), capability)
    assert GLO.flips is False
    a, b = torch.zeros(1, 3), torch.ones(1, 3)
    assert torch.equal(built().interpolate(a, b, 0.25), torch.full((1, 3), 0.25))


def test_a_full_training_shows_every_image_so_many_times() -> None:
    model = built(epochs=2.5)

    assert model.total(1000) == 2500
    assert (model.stage(0).batch, model.stage(0).resolution) == (8, SIDE)


@pytest.mark.parametrize("preset", GLO.presets)
def test_presets_resolve_and_fit_their_resolution(preset: str) -> None:
    settings = resolve(GLO.settings, [Layer(preset, GLO.presets[preset].settings)], "glo").values
    with torch.device("meta"):
        GLO.build(settings, GLO.presets[preset].resolution)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimizer": "rmsprop"}, "glo.optimizer wants one of sgd, adam, got rmsprop"),
        ({"start": "zeros"}, "glo.start wants one of gaussian, pca, got zeros"),
        ({"pca_scale": "std"}, "glo.pca_scale wants one of mean, none, got std"),
        ({"projection": "cube"}, "glo.projection wants one of ball, sphere, got cube"),
        ({"level_weight": "2^j"}, r"one of equal_mean, 4\^j, 4\^-j, got 2\^j"),
        ({"search_loss": "l2"}, "glo.search_loss wants one of mse, lap1, got l2"),
        ({"latent": 0}, "glo.latent wants at least 1, got 0; change it with --set latent="),
        ({"search_steps": -1}, "glo.search_steps wants at least 0, got -1"),
        ({"l2_weight": 0.0, "lap1_weight": 0.0}, "more than 0 where lap1_weight is 0"),
        ({"lr": 0.0}, "glo.lr wants more than 0, got 0.0"),
        ({"latent_lr": math.nan}, "glo.latent_lr wants more than 0, got nan"),
    ],
)
def test_settings_out_of_range_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BadSetting, match=message):
        built(**change)


def test_a_resolution_that_doubling_does_not_reach_is_refused() -> None:
    with pytest.raises(BadSetting, match="glo doubles from 4x4 and has no resolution 48"):
        GLO.build(GLO.settings(), 48)


def test_more_principal_components_than_numbers_in_an_image_are_refused() -> None:
    with pytest.raises(BadSetting, match=r"glo.latent wants at most 768, .* got 769"):
        built(latent=769, start="pca")
