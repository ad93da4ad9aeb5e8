"""Principal components, folded in a batch at a time, against an exact decomposition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from genbench import registry
from genbench.errors import BadSetting
from genbench.interfaces import Averages, Batch, Decodes, Draws, Encodes, Generates, Interpolates
from genbench.settings import Layer, resolve

PCA: Any = registry.model("pca")
SIDE = 8
PIXELS = 3 * SIDE**2


def data(n: int, rank: int = PIXELS, seed: int = 0) -> Tensor:
    """Correlated images: deviation falls like 1 / number of the direction, mean not zero."""
    rng = torch.Generator().manual_seed(seed)
    mixing = torch.linalg.qr(torch.randn(PIXELS, PIXELS, generator=rng, dtype=torch.float64)).Q
    spread = 1 / torch.arange(1, PIXELS + 1, dtype=torch.float64)
    spread[rank:] = 0
    rows = torch.randn(n, PIXELS, generator=rng, dtype=torch.float64) * spread @ mixing.T
    mean = 0.3 * torch.sin(torch.arange(PIXELS, dtype=torch.float64))
    images: Tensor = (rows + mean).view(n, 3, SIDE, SIDE)
    return images


def fit(images: Tensor, batch: int = 100, **changes: Any) -> Any:
    model = PCA.build(PCA.settings(**{"latent": 10, "batch": batch, **changes}), SIDE)
    for start in range(0, len(images), batch):
        rows = images[start : start + batch]
        model.seen = start
        model.step(Batch(rows, torch.arange(start, start + len(rows))), torch.Generator())
    return model


def rebuilt(model: Any, images: Tensor) -> Tensor:
    again: Tensor = model.decode(model.encode(images))
    return again.double()


def exact(images: Tensor, latent: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, leading directions and deviations by numpy's SVD of the centred rows."""
    rows = images.flatten(1).numpy()
    mean = rows.mean(0)
    _, singular, directions = np.linalg.svd(rows - mean, full_matrices=False)
    return mean, directions[:latent], singular[:latent] / np.sqrt(len(rows) - 1)


def test_streamed_reconstruction_is_within_one_percent_of_the_best() -> None:
    """No linear code of 10 numbers beats the SVD (Eckart, Young 1936)."""
    images = data(1050)
    mean, directions, _ = exact(images, 10)
    rows = images.flatten(1).numpy() - mean
    best = np.square(rows - rows @ directions.T @ directions).sum()

    error = float((rebuilt(fit(images), images) - images).square().sum())

    assert best * (1 - 1e-6) <= error <= best * 1.01


def test_low_rank_data_is_decomposed_exactly() -> None:
    """20 components carried, 20 directions there: nothing is ever cut off."""
    images = data(530, rank=20)
    model = fit(images)
    mean, directions, spread = exact(images, 20)
    overlap = model.components.numpy() @ directions.T

    assert np.allclose(model.mean.numpy(), mean, atol=1e-12)
    assert np.allclose(model.singular.numpy() / np.sqrt(529), spread, rtol=1e-9)
    assert np.allclose(np.abs(overlap), np.eye(20), atol=1e-6)


def test_all_directions_kept_means_perfect_reconstruction() -> None:
    """To float32, in which images are handed out."""
    images = data(300, rank=10)

    assert torch.allclose(rebuilt(fit(images), images), images, atol=1e-6)


@pytest.mark.parametrize("batch", [7, 64, 250, 1000])
def test_batch_size_makes_no_difference_for_low_rank_data(batch: int) -> None:
    """A short last batch included; signs of directions are free."""
    images = data(500, rank=15)
    a, b = fit(images, batch), fit(images, 500)

    assert torch.allclose(a.mean, b.mean, atol=1e-12)
    assert torch.allclose(a.singular, b.singular, rtol=1e-7, atol=1e-6)
    assert torch.allclose(a.scatter, b.scatter, rtol=1e-10)
    assert torch.allclose(rebuilt(a, images), rebuilt(b, images), atol=1e-6)


def test_components_are_orthonormal() -> None:
    """Or zero, where the data has fewer directions than there is room."""
    full, poor = fit(data(1000)), fit(data(1000, rank=5))
    share = torch.cat([torch.ones(5), torch.zeros(15)]).double()

    assert torch.allclose(full.components @ full.components.T, torch.eye(20).double(), atol=1e-10)
    assert torch.allclose(poor.components @ poor.components.T, share.diag(), atol=1e-7)


def test_reconstruction_is_a_projection() -> None:
    """Doing it twice changes nothing, and what is left is orthogonal to the components."""
    model, images = fit(data(1000)), data(20, seed=3)
    once = rebuilt(model, images)
    left = (images - once).flatten(1)

    assert torch.allclose(rebuilt(model, once), once, atol=1e-6)
    assert torch.allclose(left @ model.components[:10].T, torch.zeros(20, 10).double(), atol=1e-5)


def test_training_codes_are_white() -> None:
    """Mean 0 and covariance I over the training images themselves."""
    images = data(1000, rank=20)
    codes = fit(images).encode(images)

    assert codes.shape == (1000, 10)
    assert torch.allclose(codes.mean(0), torch.zeros(10), atol=1e-5)
    assert torch.allclose(codes.T.cov(), torch.eye(10), atol=1e-4)


def test_samples_have_mean_and_covariance_of_the_training_images() -> None:
    """Within five standard errors of 20 000 samples: 0.05 of the largest variance."""
    images = data(1000, rank=10)
    rows = fit(images).sample(20_000, torch.Generator().manual_seed(0)).flatten(1).double()
    wanted = images.flatten(1)
    covariance, expected = rows.T.cov(), wanted.T.cov()

    assert torch.allclose(rows.mean(0), wanted.mean(0), atol=5 * float(wanted.std(0).max()) / 141)
    assert torch.linalg.matrix_norm(covariance - expected, 2) < 0.05 * torch.linalg.matrix_norm(
        expected, 2
    )


def test_explained_is_the_share_of_the_variance() -> None:
    """1 when the data has no more directions than latents; else the sum of eigenvalues."""
    images = data(400, rank=15)
    model = PCA.build(PCA.settings(latent=10, batch=400), SIDE)
    score = model.step(Batch(images, torch.arange(400)), torch.Generator())["explained"]
    _, _, spread = exact(images, 15)

    assert score == pytest.approx(np.square(spread[:10]).sum() / np.square(spread).sum(), rel=1e-5)
    assert fit(data(400, rank=10)).singular[10:].sum() == 0


def test_a_checkpoint_restores_it_at_any_moment() -> None:
    images = data(500)
    whole, first = fit(images), fit(images[:300])
    second = PCA.build(PCA.settings(latent=10, batch=100), SIDE)
    second.load_state_dict(first.state_dict(), strict=True)
    for start in (300, 400):
        second.step(Batch(images[start : start + 100], torch.arange(100)), torch.Generator())

    assert all(torch.equal(a, whole.state_dict()[name]) for name, a in second.state_dict().items())


def test_more_room_than_images_is_no_trouble() -> None:
    """Five images have four directions; the first batch of a training may be as small."""
    images = data(5)

    assert torch.allclose(rebuilt(fit(images), images), images, atol=1e-6)
    assert fit(images).encode(data(3, seed=1)).isfinite().all()


def test_before_training_it_answers_with_its_mean() -> None:
    model = PCA.build(PCA.settings(latent=10), SIDE)

    assert not model.sample(2).any()
    assert not model.encode(data(2)).any()


def test_equal_images_have_equal_codes_of_zero() -> None:
    """No variance at all: the mean is the whole model."""
    images = data(1).expand(50, -1, -1, -1)

    model = fit(images)

    assert torch.allclose(rebuilt(model, images), images, atol=1e-6)
    scores = model.step(Batch(images, torch.arange(50)), torch.Generator())
    assert scores["explained"].isfinite()


def test_it_shows_every_image_once_up_to_the_limit() -> None:
    model = PCA.build(PCA.settings(), SIDE)

    assert (model.total(1000), model.total(10**6)) == (1000, 24_576)
    assert model.stage(0).batch == 512
    assert not model.optimizers()
    assert not isinstance(model, Averages)


def test_it_has_every_capability() -> None:
    model = PCA.build(PCA.settings(), SIDE)
    for capability in (Generates, Draws, Encodes, Decodes, Interpolates):
        assert isinstance(model, capability)
    a, b = torch.zeros(1, 3), torch.ones(1, 3)
    assert torch.equal(model.interpolate(a, b, 0.25), torch.full((1, 3), 0.25))


@pytest.mark.parametrize("preset", PCA.presets)
def test_presets_resolve_and_fit_their_resolution(preset: str) -> None:
    settings = resolve(PCA.settings, [Layer(preset, PCA.presets[preset].settings)], "pca").values
    with torch.device("meta"):
        PCA.build(settings, PCA.presets[preset].resolution)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"latent": 193}, "pca.latent wants 1 to 192, the numbers in an image of 8x8, got 193"),
        ({"latent": 0}, "got 0"),
        ({"batch": 0}, "pca.batch wants at least 1, got 0"),
        ({"oversample": 0.5}, "pca.oversample wants at least 1, got 0.5"),
    ],
)
def test_settings_out_of_range_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BadSetting, match=message):
        PCA.build(PCA.settings(**change), SIDE)
