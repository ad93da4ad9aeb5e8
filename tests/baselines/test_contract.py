"""Every model of the registry keeps every promise of genbench.contracts.model."""

from __future__ import annotations

import pytest

from genbench.contracts.model import CHECKS
from genbench.registry import model, plugins


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", plugins("model"))
def test_model_keeps_its_promise(name: str, check: str) -> None:
    CHECKS[check](name, model(name))
