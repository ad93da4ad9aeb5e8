"""Weights under the names of public repositories give the functions of their code.

The functions are written here a second time, plainly, from the layouts alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from draws import rng
from released import Weights, close, drawn, save
from torch import Tensor, nn

import genbench
from genbench.errors import BadInput, BadSetting
from genbench.runs import Run
from genbench.training.import_weights import import_run

SIZES = (4, 8, 16, 32, 64, 128, 256, 512, 1024)


# --- Pioneer and Balanced Pioneer

D = 32


def growing(seed: int, *, norms: bool, encoder: bool) -> Weights:
    """Names and shapes of the released generator (norms: pixel norm) or encoder, for d = 32."""
    wide = [D >> max(p - 3, 0) for p in range(9)]
    shapes: dict[str, tuple[int, ...]] = {}
    for p in range(9):
        here, below = wide[p], wide[max(p - 1, 0)]
        second = 2 if encoder or not norms else 3
        if encoder:
            index, sizes = 8 - p, [(here, below, 3), (below, below, 3 if p else 4)]
        else:
            index, sizes = p, [(below, here, 3 if p else 4), (here, here, 3)]
        for j, (inputs, outputs, k) in zip((0, second), sizes, strict=True):
            shapes[f"progression.{index}.conv.{j}.conv.weight_orig"] = (outputs, inputs, k, k)
            shapes[f"progression.{index}.conv.{j}.conv.bias"] = (outputs,)
        rgb = ("from_rgb", (here, 3, 1, 1)) if encoder else ("to_rgb", (3, here, 1, 1))
        shapes[f"{rgb[0]}.{index}.weight"] = rgb[1]
        shapes[f"{rgb[0]}.{index}.bias"] = (rgb[1][0],)
    return drawn(shapes, seed, "module.")


def spectral(weight: Tensor) -> Tensor:
    return weight / torch.linalg.matrix_norm(weight.flatten(1), 2)


def scaled(weight: Tensor) -> Tensor:
    return weight * math.sqrt(2 / weight[0].numel())


def generated(w: Weights, z: Tensor, phase: int, dress: Callable[[Tensor], Tensor]) -> Tensor:
    x = z[:, :, None, None]
    for p in range(phase + 1):
        x = F.interpolate(x, scale_factor=2) if p else x
        second = 3 if dress is scaled else 2
        for j, padding in ((0, 1 if p else 3), (second, 1)):
            name = f"module.progression.{p}.conv.{j}.conv"
            x = F.conv2d(x, dress(w[f"{name}.weight_orig"]), w[f"{name}.bias"], padding=padding)
            if dress is scaled:
                x = x / (x.square().mean(1, keepdim=True) + 1e-8).sqrt()
            x = F.leaky_relu(x, 0.2)
    return F.conv2d(x, w[f"module.to_rgb.{phase}.weight"], w[f"module.to_rgb.{phase}.bias"])


def encoded(w: Weights, x: Tensor, phase: int) -> Tensor:
    index = 8 - phase
    x = F.conv2d(x, w[f"module.from_rgb.{index}.weight"], w[f"module.from_rgb.{index}.bias"])
    for p in reversed(range(phase + 1)):
        for j, padding in ((0, 1), (2, 1 if p else 0)):
            name = f"module.progression.{8 - p}.conv.{j}.conv"
            x = F.conv2d(x, spectral(w[f"{name}.weight_orig"]), w[f"{name}.bias"], padding=padding)
            x = F.leaky_relu(x, 0.2)
        x = F.avg_pool2d(x, 2) if p else x
    return F.normalize(x.flatten(1), dim=1)


@pytest.mark.parametrize(("model", "dress"), [("pioneer", scaled), ("balanced_pioneer", spectral)])
def test_a_pioneer_checkpoint_gives_its_averaged_generator_and_its_encoder(
    tmp_path: Path, model: str, dress: Callable[[Tensor], Tensor]
) -> None:
    norms = dress is scaled
    live, average = (growing(seed, norms=norms, encoder=False) for seed in (1, 2))
    encoder = growing(3, norms=norms, encoder=True)
    file = save(
        tmp_path / "36200000_state",
        {
            "G_state_dict": live,
            "G_running_state_dict": average,
            "D_state_dict": encoder,
            "iteration": 36_200_000,
            "alpha": 1.0,
        },
    )
    run = import_run(
        model, [file], name="released", settings={"latent": D}, resolution=16, runs_dir=tmp_path
    )
    found: Any = genbench.load(run.folder)
    z, images = (
        F.normalize(torch.randn(3, D, generator=rng(1)), dim=1),
        torch.rand(3, 3, 16, 16, generator=rng(2)) * 2 - 1,
    )

    assert found.seen == run.facts["seen"] == 36_200_000
    close(found.decode(z), generated(average, z, 2, dress))
    close(found.encode(images), encoded(encoder, images, 2))
    raw: Any = genbench.load(run.folder, average=False)
    close(raw.decode(z), generated(live, z, 2, dress))


# --- AGE


def age(latent: int) -> tuple[nn.Module, nn.Module]:
    """The released 32x32 networks, w = 8: layers in the order of its files."""
    w = 8
    encoder = nn.Sequential(
        nn.Conv2d(3, w, 4, 2, 1, bias=False),
        nn.LeakyReLU(0.2),
        nn.Conv2d(w, 2 * w, 4, 2, 1, bias=False),
        nn.BatchNorm2d(2 * w),
        nn.LeakyReLU(0.2),
        nn.Conv2d(2 * w, 4 * w, 4, 2, 1, bias=False),
        nn.BatchNorm2d(4 * w),
        nn.LeakyReLU(0.2),
        nn.Conv2d(4 * w, latent, 4, 2, 1),
        nn.AvgPool2d(2),
    )
    generator = nn.Sequential(
        nn.ConvTranspose2d(latent, 8 * w, 4, 1, 0, bias=False),
        nn.BatchNorm2d(8 * w),
        nn.ReLU(),
        nn.ConvTranspose2d(8 * w, 4 * w, 4, 2, 1, bias=False),
        nn.BatchNorm2d(4 * w),
        nn.ReLU(),
        nn.ConvTranspose2d(4 * w, 2 * w, 4, 2, 1, bias=False),
        nn.BatchNorm2d(2 * w),
        nn.ReLU(),
        nn.ConvTranspose2d(2 * w, 2 * w, 4, 2, 1, bias=False),
        nn.BatchNorm2d(2 * w),
        nn.ReLU(),
        nn.Conv2d(2 * w, 3, 1),
        nn.Tanh(),
    )
    for part in [*encoder, *generator]:
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.running_mean, -0.1, 0.1, generator=rng(3))
            nn.init.uniform_(part.running_var, 0.5, 1.5, generator=rng(4))
    return encoder.eval(), generator.eval()


def test_an_age_checkpoint_gives_its_networks(tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoder, generator = age(16)
    files = []
    for name, net in (("encoder", encoder), ("generator", generator)):
        named = {f"main.{key}": value for key, value in net.state_dict().items()}
        files.append(f"{name}=" + save(tmp_path / f"{name}.pt", named))
    run = import_run(
        "age",
        files,
        name="age",
        settings={"latent": 16, "base": 8},
        resolution=32,
        runs_dir=tmp_path,
    )
    found: Any = genbench.load(run.folder)
    z, images = (
        torch.randn(3, 16, generator=rng(5)),
        torch.rand(3, 3, 32, 32, generator=rng(6)) * 2 - 1,
    )

    close(found.decode(z), generator(z[:, :, None, None]))
    close(found.encode(images), F.normalize(encoder(images).flatten(1), dim=1))
    with pytest.raises(BadInput, match=r"encoder has 6 layers called main.N, the model has 8"):
        import_run(
            "age",
            files,
            name="big",
            settings={"latent": 16, "base": 8},
            resolution=64,
            runs_dir=tmp_path,
        )


# --- IntroVAE


def introvae(channels: tuple[int, ...], d: int, *, released: bool) -> Weights:
    """Names and shapes of the released model; *released*: with its needless projections."""

    def norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
        return {f"{name}.{k}": (width,) for k in ("weight", "bias", "running_mean", "running_var")}

    def block(name: str, a: int, b: int, *, same: bool) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = (
            {} if same else {f"{name}.conv_expand.weight": (b, a, 1, 1)}
        )
        shapes |= {f"{name}.conv1.weight": (b, a, 3, 3), **norm(f"{name}.bn1", b)}
        return shapes | {f"{name}.conv2.weight": (b, b, 3, 3), **norm(f"{name}.bn2", b)}

    side = 4 << len(channels)
    first, last = channels[0], channels[-1]
    e: dict[str, tuple[int, ...]] = {"main.0.weight": (first, 3, 5, 5), **norm("main.1", first)}
    at, now = side // 2, first
    for width in channels[1:]:
        e |= block(f"main.res_in_{at}", now, width, same=now == width and not released)
        now, at = width, at // 2
    e |= block(f"main.res_in_{at}", now, now, same=True)
    e |= {"fc.weight": (2 * d, last * 16), "fc.bias": (2 * d,)}
    g: dict[str, tuple[int, ...]] = {"fc.0.weight": (last * 16, d), "fc.0.bias": (last * 16,)}
    at, now = 4, last
    for number, width in enumerate(reversed(channels)):
        same = number == 0 or (now == width and not released)
        g |= block(f"main.res_in_{at}", now, width, same=same)
        now, at = width, at * 2
    g |= block(f"main.res_in_{at}", now, now, same=True)
    g |= {"main.predict.weight": (3, first, 5, 5), "main.predict.bias": (3,)}
    whole = {f"encoder.{k}": v for k, v in e.items()} | {f"decoder.{k}": v for k, v in g.items()}
    return drawn(whole, 5)


def normed(w: Weights, name: str, x: Tensor) -> Tensor:
    mean, variance = w[f"{name}.running_mean"], w[f"{name}.running_var"]
    return F.batch_norm(x, mean, variance, w[f"{name}.weight"], w[f"{name}.bias"])


def residual(w: Weights, name: str, x: Tensor) -> Tensor:
    expand = w.get(f"{name}.conv_expand.weight")
    shortcut = x if expand is None else F.conv2d(x, expand)
    inner = normed(w, f"{name}.bn1", F.conv2d(x, w[f"{name}.conv1.weight"], padding=1))
    inner = F.conv2d(F.leaky_relu(inner, 0.2), w[f"{name}.conv2.weight"], padding=1)
    return F.leaky_relu(normed(w, f"{name}.bn2", inner + shortcut), 0.2)


def introvae_encoded(w: Weights, x: Tensor) -> Tensor:
    x = normed(w, "encoder.main.1", F.conv2d(x, w["encoder.main.0.weight"], padding=2))
    x = F.avg_pool2d(F.leaky_relu(x, 0.2), 2)
    while x.shape[-1] > 4:
        x = F.avg_pool2d(residual(w, f"encoder.main.res_in_{x.shape[-1]}", x), 2)
    x = residual(w, "encoder.main.res_in_4", x).flatten(1)
    return F.linear(x, w["encoder.fc.weight"], w["encoder.fc.bias"]).chunk(2, dim=1)[0]


def introvae_decoded(w: Weights, z: Tensor, side: int) -> Tensor:
    x = F.relu(F.linear(z, w["decoder.fc.0.weight"], w["decoder.fc.0.bias"]))
    x = x.view(len(z), -1, 4, 4)
    while x.shape[-1] < side:
        x = F.interpolate(residual(w, f"decoder.main.res_in_{x.shape[-1]}", x), scale_factor=2)
    x = residual(w, f"decoder.main.res_in_{side}", x)
    return F.conv2d(x, w["decoder.main.predict.weight"], w["decoder.main.predict.bias"], padding=2)


@pytest.mark.parametrize("released", [False, True])
def test_an_introvae_checkpoint_gives_its_networks(tmp_path: Path, *, released: bool) -> None:
    channels = (4, 512, 512)
    weights = introvae(channels, 6, released=released)
    file = save(tmp_path / "model.pth", {"epoch": 3, "model": weights})
    settings = {"channels": channels, "latent": 6, "released_shortcuts": released}
    run = import_run(
        "introvae", [file], name="iv", settings=settings, resolution=32, runs_dir=tmp_path
    )
    found: Any = genbench.load(run.folder)
    z, images = (
        torch.randn(2, 6, generator=rng(7)),
        torch.rand(2, 3, 32, 32, generator=rng(8)) * 2 - 1,
    )
    codes, decoded = introvae_encoded(weights, (images + 1) / 2), introvae_decoded(weights, z, 32)

    scale = decoded.abs().max()
    close(found.encode(images) / codes.abs().max(), codes / codes.abs().max())
    close(found.decode(z) / scale, (2 * decoded - 1) / scale)
    wrong = settings | {"released_shortcuts": not released}
    with pytest.raises(BadInput, match=f"--set released_shortcuts={str(released).lower()}"):
        import_run("introvae", [file], name="x", settings=wrong, resolution=32, runs_dir=tmp_path)


# --- what cannot be imported


class Evil:
    def __reduce__(self) -> Any:
        return (print, ("code in a checkpoint was run",))


def attempt(tmp_path: Path, model: str, file: Path, **more: Any) -> Run:
    return import_run(model, [str(file)], name="x", runs_dir=tmp_path, **more)


def test_code_in_a_checkpoint_is_never_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "evil.pth"
    torch.save({"model": Evil()}, file)

    with pytest.raises(BadInput, match=r"whose code genbench never runs; .*state_dict"):
        attempt(tmp_path, "introvae", file, preset="tiny")
    assert "was run" not in capsys.readouterr().out
    assert not (tmp_path / "x").exists()


def test_what_does_not_fit_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    file = Path(save(tmp_path / "state", {"G_state_dict": {}, "iteration": 1}))
    broken = tmp_path / "broken.pt"
    broken.write_bytes(b"PK\x03\x04 not a checkpoint")

    with pytest.raises(BadInput, match=r"the weights have no progression\.0\.conv\.0\.weight"):
        attempt(tmp_path, "pioneer", file, preset="tiny")
    with pytest.raises(BadInput, match="cannot be read as weights"):
        attempt(tmp_path, "pioneer", broken, preset="tiny")
    with pytest.raises(BadInput, match="is not a file"):
        attempt(tmp_path, "pioneer", tmp_path / "absent", preset="tiny")
    with pytest.raises(BadSetting, match=r"pca takes over no foreign weights; these do: age"):
        attempt(tmp_path, "pca", file, preset="tiny")
    with pytest.raises(BadSetting, match="give --preset or --resolution"):
        attempt(tmp_path, "pioneer", file)
    assert not (tmp_path / "x").exists()


def test_an_imported_run_is_measured_but_not_trained_on(tmp_path: Path) -> None:
    weights = introvae((4, 8), 6, released=False)
    file = save(tmp_path / "model.pth", {"model": weights})
    settings = {"channels": (4, 8), "latent": 6}
    run = import_run(
        "introvae", [file], name="iv", settings=settings, resolution=16, runs_dir=tmp_path
    )

    frame = genbench.evaluate(
        "iv", runs_dir=tmp_path, data="toyfaces:60", metrics=["rmse"], pairs=8
    )

    assert frame.loc[0, "value"] > 0
    with pytest.raises(BadInput, match="was imported without the state of its training"):
        genbench.resume(run.folder)
