"""Codes by search: against a closed form, in any split, inside inference mode, best of starts."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

module = importlib.import_module("genbench.baselines._parts.latent_search")
Search, search, normal_starts = module.Search, module.search, module.normal_starts


def rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def linear(seed: int = 0) -> nn.Sequential:
    """A decoder of 8x8 images, 3 numbers in a code, whose best codes are known."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(3, 192), nn.Unflatten(1, (3, 8, 8)))


def deep(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        hidden = nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
        return nn.Sequential(*hidden, nn.Linear(64, 3 * 16 * 16), nn.Unflatten(1, (3, 16, 16)))


def targets(n: int = 6, side: int = 16) -> Tensor:
    return torch.randn(n, 3, side, side, generator=rng(1)) / 2


def test_linear_decoder_gives_least_squares() -> None:
    decoder, images = linear(), targets(side=8)
    weight, bias = decoder[0].weight.detach(), decoder[0].bias.detach()
    exact = torch.linalg.lstsq(weight, (images.flatten(1) - bias).T).solution.T

    found = search(decoder, images, torch.zeros(1, 1, 3), Search(steps=500, lr=0.05))

    torch.testing.assert_close(found, exact, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("objective", "least"), [("mse", 50.0), ("lap1", 50.0)])
def test_images_that_the_decoder_made_come_back(objective: str, least: float) -> None:
    """The paper's check of the search: above 50 dB."""
    decoder = deep()
    images = decoder(torch.randn(4, 8, generator=rng(2))).detach()
    how = Search(steps=500, lr=0.1, objective=objective)

    codes = search(decoder, images, normal_starts(3, 8, images), how)

    error = (decoder(codes) - images).square().flatten(1).mean(1)
    psnr = 10 * (4 / error).log10()  # images in [-1, 1]: the largest difference is 2
    assert psnr.min() > least


@pytest.mark.parametrize("within", [torch.no_grad, torch.inference_mode])
def test_works_where_gradients_are_off(within: Callable[[], torch.no_grad]) -> None:
    decoder, how = deep(), Search(steps=20, lr=0.1)
    outside = search(decoder, targets(), normal_starts(2, 8, targets()), how)

    with within():
        images = targets()
        inside = search(decoder, images, normal_starts(2, 8, images), how)

    assert torch.equal(inside, outside)
    assert not inside.requires_grad


def test_weights_get_no_gradient_and_images_stay() -> None:
    decoder, images = deep(), targets()
    before = images.clone()

    search(decoder, images, torch.zeros(1, 1, 8), Search(steps=3, lr=0.1))

    assert all(weight.grad is None for weight in decoder.parameters())
    assert torch.equal(images, before)


def test_any_split_gives_the_same() -> None:
    decoder, images, how = deep(), targets(7), Search(steps=30, lr=0.1)
    starts = normal_starts(2, 8, images)

    whole = search(decoder, images, starts, how)
    parts = torch.cat([search(decoder, part, starts, how) for part in images.split(3)])

    torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-4)


def test_best_start_is_kept_for_each_image() -> None:
    """Below 0 the gradient is 0: only the start 1 can reach an image of 0.5, -1 is 0 already."""

    def decode(z: Tensor) -> Tensor:
        return z.relu()[:, :, None, None].expand(-1, 3, 4, 4)

    images = torch.tensor([0.5, 0.0])[:, None, None, None].expand(2, 3, 4, 4)
    starts = torch.tensor([-1.0, 1.0])[:, None, None]
    how = Search(steps=100, lr=0.1)

    found = search(decode, images, starts, how)
    broken = search(decode, images, torch.cat([starts * torch.nan, starts]), how)

    assert found[0].item() == pytest.approx(0.5, abs=1e-2)
    assert found[1].item() == -1
    assert torch.equal(broken, found)


def test_codes_are_projected_after_every_step() -> None:
    norms = []

    def project(z: Tensor) -> Tensor:
        norms.append(z.norm(dim=1).max().item())
        return z / z.norm(dim=1, keepdim=True).clamp_min(1)

    decoder, how = linear(), Search(steps=50, lr=0.3, project=project)
    outside = 3 * torch.randn(4, 3, generator=rng(4)).sign()  # their images are best, and too far

    found = search(decoder, decoder(outside), torch.zeros(1, 1, 3), how)

    assert len(norms) == 50
    assert max(norms) < 1.6  # one step of at most 0.3 in 3 numbers beyond 1
    assert found.norm(dim=1).tolist() == pytest.approx([1.0] * 4)


def test_starts_of_each_image_can_be_its_own() -> None:
    starts, how = torch.randn(1, 6, 3, generator=rng(3)), Search(steps=0, lr=0.1)

    assert torch.equal(search(linear(), targets(side=8), starts, how), starts[0])


def test_random_starts_are_always_the_same() -> None:
    torch.manual_seed(5)
    first = normal_starts(3, 8, targets())
    torch.manual_seed(6)

    assert first.shape == (3, 1, 8)
    assert torch.equal(first, normal_starts(3, 8, targets()))
