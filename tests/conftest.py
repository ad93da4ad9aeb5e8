"""What all tests share: no test touches the user's cache or what another one has drawn, and assets
are found by environment.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from children import Start, children
from hypothesis import HealthCheck, settings

# A machine that is busy is no failure, of an example as little as of a test.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Small tensors on many threads are slower than on one, above all on a busy machine."""
    torch.set_num_threads(1)


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup() -> None:
    """Layers that a fixture makes begin alike, whichever test has asked for it first."""
    torch.manual_seed(0)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call() -> None:
    """Layers that a test makes begin alike, whatever ran before."""
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test sees one cache of this session and no data or weights by default."""
    monkeypatch.setenv("GENBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts processes that do not outlive the test: start(command, ...) -> Child."""
    with children() as starter:
        yield starter


def _asset(variable: str) -> Path:
    folder = os.environ.get(variable)
    if not folder or not Path(folder).is_dir():
        pytest.skip(f"{variable} does not name a folder, so there are no real files to test with")
    return Path(folder)


@pytest.fixture
def weights() -> Path:
    """Folder of real weights."""
    return _asset("GENBENCH_WEIGHTS")


@pytest.fixture
def pictures() -> Path:
    """Folder of real images."""
    return _asset("GENBENCH_DATA")
