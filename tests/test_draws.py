"""No test depends on what another one has drawn."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

TESTS = Path(__file__).parent
TORCH = ("rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial", "poisson")
LIKE = ("rand_like", "randn_like", "randint_like")
IN_PLACE = ("normal_", "uniform_", "random_", "bernoulli_", "exponential_")
# What they test is that nothing is drawn from these generators behind a caller's back.
ABOUT_THEM = ("runtime/test_global_random.py", "evaluation/test_identity.py")
OWN = ("default_rng", "Generator", "SeedSequence", "Random")  # makers of generators


def name_of(function: ast.expr) -> tuple[str, str]:
    """torch.nn.init.normal_ -> ("torch.nn.init", "normal_")."""
    head, _, tail = ast.unparse(function).rpartition(".")
    return head, tail


def draws(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls that draw from a generator that all tests share.

    Not those of classes: a stranger's model may draw from torch's, which genbench seeds for it.
    """
    if isinstance(tree, ast.ClassDef):
        return
    if isinstance(tree, ast.Call):
        head, tail = name_of(tree.func)
        own = any(keyword.arg == "generator" for keyword in tree.keywords)
        of_torch = (head == "torch" and tail in TORCH + LIKE) or tail in IN_PLACE
        of_others = head in ("random", "np.random", "numpy.random") and tail not in OWN
        if of_others or (of_torch and not own):
            yield tree
    for child in ast.iter_child_nodes(tree):
        yield from draws(child)


FILES = sorted(set(TESTS.rglob("*.py")) - {TESTS / name for name in ABOUT_THEM})


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_draw_has_a_generator_of_its_own(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found = [f"{file.name}:{call.lineno} {ast.unparse(call)}" for call in draws(tree)]
    assert not found, "give each generator=rng(SEED), of tests/shared/draws.py"


@pytest.mark.parametrize(
    ("line", "shared"),
    [
        ("torch.randn(3)", True),
        ("torch.randn(3, generator=rng(1))", False),
        ("torch.rand(3).sum() + 1", True),
        ("nn.init.normal_(weight)", True),
        ("np.random.rand(3)", True),
        ("np.random.default_rng(0).random(3)", False),
        ("random.choice(names)", True),
        ("random.Random(0).choice(names)", False),
    ],
)
def test_a_draw_is_recognised(line: str, shared: bool) -> None:
    assert bool(list(draws(ast.parse(line)))) is shared


@pytest.mark.parametrize("_", [1, 2])
def test_new_layers_begin_alike_in_every_test(_: int) -> None:
    """Layers draw their first weights from torch's generator, which conftest.py sets."""
    assert torch.initial_seed() == 0
    assert torch.nn.Linear(1, 1).weight.item() == pytest.approx(-0.0075, abs=1e-3)
