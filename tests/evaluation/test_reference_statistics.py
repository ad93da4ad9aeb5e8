"""Mean and covariance in files, as FID's reference."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from genbench.metrics.fid import frechet_distance
from torch import Tensor

import genbench
from genbench import features
from genbench.cli import main
from genbench.errors import BadInput
from genbench.images import save_png
from genbench.results import protocol

N = 80


class Colours:
    """In the place of Inception's first layer: 64 fixed mixtures of 4x4 pixels."""

    name = "inception"
    files: Mapping[str, str] = {}
    layers = ("64",)

    def __init__(self, digest: str = "one") -> None:
        self.digest = digest
        self.mix = torch.randn(48, 64, generator=torch.Generator().manual_seed(0))

    def __call__(self, images: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        small = torch.nn.functional.adaptive_avg_pool2d(images.float() / 255, 4)
        return {layer: small.flatten(1) @ self.mix for layer in layers}

    def compile(self) -> None: ...

    def describe(self, layer: str) -> dict[str, Any]:
        return {"name": self.name, "digest": self.digest}


@pytest.fixture(autouse=True)
def _colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "load", lambda name, **how: Colours())


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("stats")
    rng = torch.Generator().manual_seed(1)
    for name, top in (("real", 256), ("fake", 200)):
        for row in range(N):
            image = torch.randint(0, top, (3, 8, 8), generator=rng, dtype=torch.uint8)
            save_png(image, root / name / f"{row:03}.png")
    return root


def moments(folder: Path) -> tuple[Tensor, Tensor]:
    images = torch.from_numpy(genbench.open_images(folder)[:])
    rows = Colours()(images, ("64",))["64"].double()
    return rows.mean(0), torch.cov(rows.T)


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


def recorded(done: Result) -> dict[str, Any]:
    (record,) = json.loads(done.stdout)["records"]
    assert isinstance(record, dict)
    return record


def test_a_file_of_another_program_is_a_reference_of_which_little_is_known(
    sets: Path, tmp_path: Path
) -> None:
    real, fake = moments(sets / "real"), moments(sets / "fake")
    np.savez(tmp_path / "ref.npz", mu=real[0].numpy(), sigma=real[1].numpy())

    frame = genbench.compare(tmp_path / "ref.npz", sets / "fake", device="cpu")

    assert frame.metric.tolist() == ["fid:64"]
    assert frame.value.iloc[0] == pytest.approx(frechet_distance(*real, *fake), rel=1e-6)
    assert frame.spread.iloc[0] > 0
    assert "over generated images" in frame.spread_over.iloc[0]
    assert "does not say how many images" in frame.note.iloc[0]
    recipe = protocol.from_json(frame.protocol.iloc[0])
    assert recipe.images == {"samples": N}
    assert recipe.recipe["resize"] == "unknown"
    assert recipe.inputs["real"]["network"] == {"name": "unknown"}
    assert recipe.inputs["samples"]["network"]["digest"] == "one"
    assert (recipe.dataset, recipe.splits) == ("ref", {})


def test_what_is_written_stands_for_its_images(sets: Path, tmp_path: Path) -> None:
    """The same number under the same protocol; and mu and sigma are there for other programs."""
    out = tmp_path / "real.npz"
    done = run("stats", sets / "real", f"--out={out}", "--device=cpu")
    assert "mean and covariance of 80 images of real, 64 features" in done.stdout

    direct = recorded(run("compare", sets / "real", sets / "fake", "--metrics=fid:64", "--json"))
    through = recorded(run("compare", out, sets / "fake", "--json"))

    assert through["value"] == pytest.approx(direct["value"], rel=1e-9)
    assert through["protocol_id"] == direct["protocol_id"]
    mean, cov = moments(sets / "real")
    with np.load(out) as found:
        assert np.allclose(found["mu"], mean, rtol=1e-6)
        assert np.allclose(found["sigma"], cov, rtol=1e-6)


def test_statistics_of_other_weights_are_refused(
    sets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "real.npz"
    run("stats", sets / "real", f"--out={out}", "--device=cpu")
    monkeypatch.setattr(features, "load", lambda name, **how: Colours("another"))

    with pytest.raises(BadInput, match="made with other weights"):
        genbench.compare(out, sets / "fake", device="cpu")


def test_a_file_with_images_and_moments_is_either(sets: Path, tmp_path: Path) -> None:
    """ADM's reference batches hold 10,000 images and the moments of many more."""
    images = genbench.open_images(sets / "fake")[:].transpose(0, 2, 3, 1)
    mean, cov = moments(sets / "real")
    np.savez(tmp_path / "ref.npz", images, mu=mean.numpy(), sigma=cov.numpy())

    how = {"metrics": ["fid:64"], "device": "cpu"}
    of_images = genbench.compare(tmp_path / "ref.npz", sets / "fake", **how)
    of_moments = genbench.compare(tmp_path / "ref.npz", sets / "fake", moments=True, **how)

    assert of_images.value.iloc[0] == pytest.approx(0, abs=1e-9)
    wanted = frechet_distance(mean, cov, *moments(sets / "fake"))
    assert of_moments.value.iloc[0] == pytest.approx(wanted, rel=1e-6)
    with pytest.raises(BadInput, match=r"no .npz file with mu and sigma"):
        genbench.compare(sets / "real", sets / "fake", moments=True, **how)


def test_other_metrics_have_a_reason(sets: Path, tmp_path: Path) -> None:
    mean, cov = moments(sets / "real")
    np.savez(tmp_path / "ref.npz", mu=mean.numpy(), sigma=cov.numpy())

    frame = genbench.compare(
        tmp_path / "ref.npz", sets / "fake", metrics=["kid:64", "fid:64"], device="cpu"
    )

    reasons = dict(zip(frame.metric, frame.reason, strict=True))
    assert reasons["kid:64"] is not None
    assert "is a reference of fid:64 alone" in reasons["kid:64"]
    assert frame.value.notna().sum() == 1


@pytest.mark.parametrize(
    ("mu", "sigma", "words"),
    [
        (np.zeros(64), np.eye(63), "mu of shape .* and sigma of"),
        (np.zeros(5), np.eye(5), "is of 5 features; those of inception have 2048, 768"),
        (np.zeros(64, int), np.eye(64), "int64 where floats are wanted"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(
    mu: np.ndarray, sigma: np.ndarray, words: str, sets: Path, tmp_path: Path
) -> None:
    np.savez(tmp_path / "ref.npz", mu=mu, sigma=sigma)

    with pytest.raises(BadInput, match=words):
        genbench.compare(tmp_path / "ref.npz", sets / "fake", device="cpu")


def test_a_data_set_needs_a_size() -> None:
    done = CliRunner().invoke(main, ["stats", "toyfaces", "--out", "x.npz"])

    assert done.exit_code == 2
    assert "say at which size: --resolution R" in done.stderr
