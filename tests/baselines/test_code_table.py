"""The table of learned codes: which rows move, where they end, and what is drawn from them."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import torch
from torch import Tensor, nn

module = importlib.import_module("genbench.baselines._parts.code_table")
starts = importlib.import_module("genbench.baselines._parts.code_init")
Codes, Descent, PROJECTIONS = module.Codes, module.Descent, module.PROJECTIONS
ball, onto_sphere = PROJECTIONS["ball"], PROJECTIONS["sphere"]


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def table(rows: Tensor, *, adam: bool = False) -> Any:
    codes = Codes(rows.shape[1], adam=adam)
    codes.fill(rows)
    return codes


def test_ball_leaves_inner_rows_and_maps_outer_ones_to_norm_one() -> None:
    inner, outer = torch.tensor([[0.3, 0.4], [0.6, -0.8], [0, 0]]), torch.tensor([[3.0, 4.0]])

    assert torch.equal(ball(inner), inner)
    assert torch.allclose(ball(outer), torch.tensor([[0.6, 0.8]]))


def test_sphere_maps_inner_rows_to_norm_one_too() -> None:
    assert torch.allclose(onto_sphere(torch.tensor([[0.3, 0.4]])), torch.tensor([[0.6, 0.8]]))


def test_rows_of_the_batch_move_down_and_no_others() -> None:
    rows, index, gradient = normal(9, 4) / 10, torch.tensor([7, 2, 0]), normal(3, 4, seed=1) / 10
    codes = table(rows)

    codes.descend(index, gradient, Descent(lr=2.0, project=ball))

    wanted = rows.clone()
    for place, row in enumerate(index.tolist()):
        wanted[row] = rows[row] - 2 * gradient[place]
    assert torch.allclose(codes.rows, wanted, atol=1e-7)
    assert torch.equal(codes.rows[[1, 3, 4, 5, 6, 8]], rows[[1, 3, 4, 5, 6, 8]])


def test_projection_is_written_back_for_the_batch_alone() -> None:
    """Rows outside the batch keep their norm of 3, stale as they are."""
    rows = 3 * torch.nn.functional.normalize(normal(5, 4))
    codes = table(rows)

    codes.descend(torch.tensor([1, 3]), torch.zeros(2, 4), Descent(lr=1.0, project=ball))

    assert codes.rows.norm(dim=1).tolist() == pytest.approx([3, 1, 3, 1, 3])


def test_an_image_twice_in_a_batch_has_both_gradients() -> None:
    """A batch may reach over the end of an epoch; written one by one, one of them would be lost."""
    codes = table(torch.zeros(3, 2))
    gradient = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.25, 0.5]])

    codes.descend(torch.tensor([2, 0, 2]), gradient, Descent(lr=0.5, project=ball))

    assert codes.rows.tolist() == [[0, -0.5], [0, 0], [-0.625, -0.25]]


def test_adam_keeps_state_for_each_row() -> None:
    """Each row as if torch's Adam had it alone, with the steps that it has been shown."""
    rows, betas = normal(4, 3) / 9, (0.5, 0.999)
    codes = table(rows, adam=True)
    single = [nn.Parameter(row.clone()) for row in rows]
    adams = [torch.optim.Adam([row], 0.01, betas) for row in single]
    for step, index in enumerate([[0, 1], [1, 2], [1, 0], [2, 1]]):
        gradient = normal(2, 3, seed=step)
        how = Descent(lr=0.01, project=ball, betas=betas)
        codes.descend(torch.tensor(index), gradient, how)
        for place, row in enumerate(index):
            single[row].grad = gradient[place]
            adams[row].step()

    assert codes.shown.tolist() == [2, 4, 2, 0]
    assert torch.allclose(codes.rows, torch.stack([row.detach() for row in single]), atol=1e-6)
    assert torch.equal(codes.rows[3], rows[3])


def test_draws_have_mean_and_covariance_of_the_table() -> None:
    """Within five standard errors of 40 000 draws: 5 / 200 of the largest deviation."""
    rows = normal(300, 5) @ normal(5, 5, seed=1) + torch.arange(5.0)
    drawn = table(rows).draw(40_000, torch.Generator().manual_seed(0))
    deviation = rows.std(0).max().item()

    assert torch.allclose(drawn.mean(0), rows.mean(0), atol=deviation / 40)
    assert torch.allclose(drawn.T.cov(), rows.T.cov(), atol=deviation**2 / 20)


def test_fit_is_the_unbiased_covariance() -> None:
    rows = normal(300, 5) @ normal(5, 5, seed=1) + torch.arange(5.0)
    fit = table(rows).fit()
    covariance = (fit.directions.T * fit.variances) @ fit.directions

    assert torch.allclose(fit.mean.float(), rows.mean(0), atol=1e-6)
    assert torch.allclose(covariance, rows.double().T.cov(), rtol=1e-6)
    assert torch.allclose(fit.directions @ fit.directions.T, torch.eye(5).double(), atol=1e-12)
    assert fit.variances.tolist() == sorted(fit.variances.tolist(), reverse=True)


def test_fit_of_a_large_table_is_that_of_all_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = table(normal(100, 4)).fit()
    monkeypatch.setattr(module, "BLOCK", 7)

    assert torch.allclose(table(normal(100, 4)).fit().variances, whole.variances, rtol=1e-12)


def test_fewer_rows_than_numbers_can_be_drawn_from() -> None:
    """The covariance has no inverse and no Cholesky factor then; draws stay in the span."""
    rows = normal(3, 8)
    drawn = table(rows).draw(50, torch.Generator().manual_seed(0))
    span = torch.linalg.qr((rows - rows.mean(0))[:2].T).Q
    left = (drawn - rows.mean(0)) - (drawn - rows.mean(0)) @ span @ span.T

    assert drawn.isfinite().all()
    assert left.abs().max() < 1e-5


def test_fit_follows_every_change_of_the_table() -> None:
    def drawn(codes: Any) -> Tensor:
        rows: Tensor = codes.draw(4, torch.Generator().manual_seed(0))
        return rows

    codes = table(normal(20, 3))
    first = drawn(codes)
    codes.descend(torch.arange(20), normal(20, 3, seed=1), Descent(lr=1.0, project=ball))
    moved = drawn(codes)
    codes.load_state_dict(table(normal(20, 3)).state_dict())

    assert not torch.equal(moved, first)
    assert torch.equal(drawn(codes), first)
    codes.fill(normal(30, 3, seed=2))
    assert torch.equal(drawn(codes), drawn(table(normal(30, 3, seed=2))))


@pytest.mark.parametrize("adam", [False, True])
def test_a_fresh_table_takes_a_state_of_any_length(adam: bool) -> None:
    trained, fresh = table(normal(7, 3), adam=adam), Codes(3, adam=adam)
    other = table(normal(5, 3), adam=adam)
    for codes in (fresh, other):
        codes.load_state_dict(trained.state_dict())
        assert all(torch.equal(v, trained.state_dict()[k]) for k, v in codes.state_dict().items())
        codes.rows += 1  # its own memory, not that of the state

    assert torch.equal(trained.rows, normal(7, 3))


def test_a_state_of_other_codes_is_refused() -> None:
    with pytest.raises(RuntimeError, match="size mismatch"):
        Codes(3, adam=False).load_state_dict(table(normal(7, 4)).state_dict())


def test_before_it_is_filled_it_draws_the_gaussian_start() -> None:
    drawn = Codes(16, adam=False).draw(20_000, torch.Generator().manual_seed(0))

    assert drawn.square().sum(1).mean().item() == pytest.approx(1, abs=0.01)


def test_gaussian_start_has_norms_about_one() -> None:
    rows = starts.gaussian_start(20_000, 16, torch.Generator().manual_seed(0))

    assert rows.square().sum(1).mean().item() == pytest.approx(1, abs=0.01)


def test_scaling_to_mean_norm_one_keeps_the_ratios() -> None:
    rows = normal(50, 3)
    scaled = starts.of_mean_norm_one(rows)

    assert scaled.norm(dim=1).mean().item() == pytest.approx(1)
    assert torch.allclose(scaled / rows, (scaled / rows)[0, 0].expand(50, 3))
    assert not starts.of_mean_norm_one(torch.zeros(4, 3)).any()
