"""Every model of the registry keeps every promise of genbench.contracts.model."""

from __future__ import annotations

import pytest

from genbench.contracts.model import CHECKS
from genbench.registry import room, rooms


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", rooms("model"))
def test_model_keeps_its_promise(name: str, check: str) -> None:
    CHECKS[check](name, room("model", name).load())
