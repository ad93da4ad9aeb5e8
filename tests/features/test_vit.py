"""DINOv2 and CLIP: other people's transformers with the same random weights give the same token."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models import VisionTransformer

import genbench
from genbench import features
from genbench.errors import BadInput, MissingWeights, NotMeasurable, WrongWeights
from genbench.evaluation.plan import find_metrics
from genbench.features import _vit, clip, dinov2
from genbench.interfaces import Stream
from genbench.runtime import atomic

CPU = torch.device("cpu")
WIDTH, DEPTH = 128, 2


def noise(n: int, side: int, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 3, side, side), generator=rng, dtype=torch.uint8)


class Draw:
    """Random tensors by name."""

    def __init__(self) -> None:
        self.rng, self.made = torch.Generator().manual_seed(0), dict[str, Tensor]()

    def add(self, name: str, *shape: int) -> None:
        scale = 1 / math.sqrt(shape[-1]) if len(shape) > 1 else 0.3
        self.made[name] = torch.randn(shape, generator=self.rng) * scale

    def linear(self, name: str, out: int, into: int) -> None:
        self.add(f"{name}.weight", out, into)
        self.add(f"{name}.bias", out)

    def norm(self, name: str) -> None:
        self.add(f"{name}.weight", WIDTH)
        self.made[f"{name}.weight"] += 1
        self.add(f"{name}.bias", WIDTH)


def drawn_dinov2(grid: int = 16) -> dict[str, Tensor]:
    draw = Draw()
    draw.add("cls_token", 1, 1, WIDTH)
    draw.add("mask_token", 1, WIDTH)
    draw.add("pos_embed", 1, grid**2 + 1, WIDTH)
    draw.add("patch_embed.proj.weight", WIDTH, 3, 14, 14)
    draw.add("patch_embed.proj.bias", WIDTH)
    for i in range(DEPTH):
        name = f"blocks.{i}"
        draw.norm(f"{name}.norm1")
        draw.linear(f"{name}.attn.qkv", 3 * WIDTH, WIDTH)
        draw.linear(f"{name}.attn.proj", WIDTH, WIDTH)
        draw.add(f"{name}.ls1.gamma", WIDTH)
        draw.norm(f"{name}.norm2")
        draw.linear(f"{name}.mlp.fc1", 4 * WIDTH, WIDTH)
        draw.linear(f"{name}.mlp.fc2", WIDTH, 4 * WIDTH)
        draw.add(f"{name}.ls2.gamma", WIDTH)
    draw.norm("norm")
    return draw.made


def torchvisions(drawn: dict[str, Tensor]) -> VisionTransformer:
    """torchvision's network, whose branches have no scales: they go into the last maps."""
    network = VisionTransformer(224, 14, DEPTH, WIDTH // 64, WIDTH, 4 * WIDTH)
    state = {
        "class_token": drawn["cls_token"],
        "encoder.pos_embedding": drawn["pos_embed"],
        "conv_proj.weight": drawn["patch_embed.proj.weight"],
        "conv_proj.bias": drawn["patch_embed.proj.bias"],
    }
    for kind in ("weight", "bias"):
        state[f"encoder.ln.{kind}"] = drawn[f"norm.{kind}"]
        for i in range(DEPTH):
            ours, theirs = f"blocks.{i}", f"encoder.layers.encoder_layer_{i}"
            scale = {n: drawn[f"{ours}.{n}.gamma"] for n in ("ls1", "ls2")}
            if kind == "weight":
                scale = {n: each[:, None] for n, each in scale.items()}
            state[f"{theirs}.ln_1.{kind}"] = drawn[f"{ours}.norm1.{kind}"]
            state[f"{theirs}.self_attention.in_proj_{kind}"] = drawn[f"{ours}.attn.qkv.{kind}"]
            state[f"{theirs}.self_attention.out_proj.{kind}"] = (
                drawn[f"{ours}.attn.proj.{kind}"] * scale["ls1"]
            )
            state[f"{theirs}.ln_2.{kind}"] = drawn[f"{ours}.norm2.{kind}"]
            state[f"{theirs}.mlp.0.{kind}"] = drawn[f"{ours}.mlp.fc1.{kind}"]
            state[f"{theirs}.mlp.3.{kind}"] = drawn[f"{ours}.mlp.fc2.{kind}"] * scale["ls2"]
    network.heads = nn.Identity()  # the token itself is wanted
    network.load_state_dict(state)
    return network.eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("weights")
    torch.save(drawn_dinov2(), place / "dinov2_vitb14_pretrain.pth")
    save_file(drawn_clip(), place / "clip_vit_b_32_openai.safetensors")
    return place


def test_dinov2_is_torchvisions_transformer(folder: Path) -> None:
    images = noise(3, 224)
    network = features.load("dinov2", weights_dir=folder, device=CPU)
    mean, std = (
        torch.tensor(each).view(1, 3, 1, 1)
        for each in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )

    found = network(images, ("cls",))["cls"]

    with torch.no_grad():
        wanted = torchvisions(drawn_dinov2())((images / 255 - mean) / std)
    assert found.shape == (3, WIDTH)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


def drawn_clip(text: bool = True) -> dict[str, Tensor]:
    draw = Draw()
    draw.add("visual.class_embedding", WIDTH)
    draw.add("visual.positional_embedding", 50, WIDTH)
    draw.add("visual.conv1.weight", WIDTH, 3, 32, 32)
    draw.add("visual.proj", WIDTH, 48)
    for name in ("ln_pre", "ln_post"):
        draw.norm(f"visual.{name}")
    for i in range(DEPTH):
        name = f"visual.transformer.resblocks.{i}"
        draw.norm(f"{name}.ln_1")
        draw.add(f"{name}.attn.in_proj_weight", 3 * WIDTH, WIDTH)
        draw.add(f"{name}.attn.in_proj_bias", 3 * WIDTH)
        draw.linear(f"{name}.attn.out_proj", WIDTH, WIDTH)
        draw.norm(f"{name}.ln_2")
        draw.linear(f"{name}.mlp.c_fc", 4 * WIDTH, WIDTH)
        draw.linear(f"{name}.mlp.c_proj", WIDTH, 4 * WIDTH)
    if text:
        draw.add("transformer.resblocks.0.ln_1.weight", 7)
    return draw.made


def by_torch(drawn: dict[str, Tensor], images: Tensor, quick: bool) -> Tensor:
    """The class token by torch's own encoder layers."""
    mean = torch.tensor((0.48145466, 0.4578275, 0.40821073)).view(1, 3, 1, 1)
    std = torch.tensor((0.26862954, 0.26130258, 0.27577711)).view(1, 3, 1, 1)
    mine = {
        name.removeprefix("visual."): tensor
        for name, tensor in drawn.items()
        if name.startswith("visual.")
    }
    rows = nn.functional.conv2d((images / 255 - mean) / std, mine["conv1.weight"], stride=32)
    token = mine["class_embedding"].expand(len(images), 1, -1)
    rows = torch.cat([token, rows.flatten(2).transpose(1, 2)], 1) + mine["positional_embedding"]

    def norm(x: Tensor, name: str) -> Tensor:
        weight, bias = mine[f"{name}.weight"], mine[f"{name}.bias"]
        return nn.functional.layer_norm(x, (WIDTH,), weight, bias, 1e-5)

    rows = norm(rows, "ln_pre")
    bend: Any = (lambda x: x * torch.sigmoid(1.702 * x)) if quick else nn.functional.gelu
    for i in range(DEPTH):
        layer = nn.TransformerEncoderLayer(
            WIDTH, WIDTH // 64, 4 * WIDTH, 0.0, bend, norm_first=True, batch_first=True
        ).eval()
        names = {
            "self_attn.": "attn.",
            "linear1": "mlp.c_fc",
            "linear2": "mlp.c_proj",
            "norm1": "ln_1",
            "norm2": "ln_2",
        }
        state = {}
        for theirs in layer.state_dict():
            ours = theirs
            for a, b in names.items():
                ours = ours.replace(a, b)
            state[theirs] = mine[f"transformer.resblocks.{i}.{ours}"]
        layer.load_state_dict(state)
        rows = layer(rows)
    return norm(rows[:, 0], "ln_post") @ mine["proj"]


@pytest.mark.parametrize("whose", ["openai", "openclip"])
def test_clip_is_torchs_encoder(whose: str, tmp_path: Path) -> None:
    """With the activation that the name of the file says."""
    drawn, images = drawn_clip(), noise(3, 224)
    save_file(drawn, tmp_path / f"clip_vit_b_32_{whose}.safetensors")
    network = features.load("clip", weights_dir=tmp_path, device=CPU)

    found = network(images, ("cls",))["cls"]

    with torch.no_grad():
        wanted = by_torch(drawn, images, quick=whose == "openai")
        other = by_torch(drawn, images, quick=whose != "openai")
    assert found.shape == (3, 48)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    assert (found - other).abs().max() > 1e-3


def test_the_text_half_is_not_needed(folder: Path, tmp_path: Path) -> None:
    alone = {name.removeprefix("visual."): each for name, each in drawn_clip(False).items()}
    save_file(alone, tmp_path / "clip_vit_b_32_openai.safetensors")
    images = noise(1, 224)

    one, two = (
        features.load("clip", weights_dir=place, device=CPU)(images, ("cls",))["cls"]
        for place in (tmp_path, folder)
    )

    assert torch.equal(one, two)


def keys(x: float) -> float:
    """The cubic of R. Keys with a = -3/4."""
    x, a = abs(x), -0.75
    if x <= 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0.0


def test_places_of_a_larger_grid_are_sampled_by_the_cubic() -> None:
    """37 x 37 places, as published, for 16 x 16 patches: written out along one axis."""
    rng = torch.Generator().manual_seed(0)
    line, token = torch.randn(37, generator=rng), torch.randn(1, 1, generator=rng)
    square = line[:, None].expand(37, 37).reshape(-1, 1)  # depends on the row alone

    found = _vit.resized_places(torch.cat([token, square]), 37, 16)

    wanted = []
    for i in range(16):
        at = (i + 0.5) * 37 / 16.1 - 0.5
        low = math.floor(at)
        wanted.append(
            sum(keys(at - k) * float(line[min(max(k, 0), 36)]) for k in range(low - 1, low + 3))
        )
    assert torch.equal(found[:1], token)
    assert found[1:].view(16, 16)[:, 5].tolist() == pytest.approx(wanted, abs=1e-5)


def test_published_grids_are_taken(tmp_path: Path) -> None:
    torch.save(drawn_dinov2(37), tmp_path / "dinov2_vitl14_pretrain.pth")

    network = features.load("dinov2", weights_dir=tmp_path, device=CPU)

    assert network(noise(2, 40), ("cls",))["cls"].isfinite().all()


def test_images_are_resized_by_the_clean_rule(folder: Path) -> None:
    """Bicubic with antialiasing in float, clipped; a flat image stays flat."""
    network = features.load("dinov2", weights_dir=folder, device=CPU)
    flat = torch.full((1, 3, 64, 64), 200, dtype=torch.uint8)

    small = network(flat, ("cls",))["cls"]

    large = network(torch.full((1, 3, 224, 224), 200, dtype=torch.uint8), ("cls",))["cls"]
    torch.testing.assert_close(small, large, rtol=1e-4, atol=1e-4)


def test_a_network_is_known_by_its_numbers_and_its_file_by_its_sha256(
    folder: Path, tmp_path: Path
) -> None:
    network = features.load("dinov2", weights_dir=folder, device=CPU)
    recipe = network.describe("cls")
    name = "dinov2_vitb14_pretrain.pth"

    def digest(change: dict[str, Tensor]) -> str:
        torch.save(torch.load(folder / name, weights_only=True) | change, tmp_path / name)
        found = features.load("dinov2", weights_dir=tmp_path, device=CPU)
        assert found.files == {name: atomic.sha256(tmp_path / name)}
        return str(found.describe("cls")["digest"])

    assert network.files == {name: atomic.sha256(folder / name)}
    assert (recipe["width"], recipe["depth"], recipe["patch"]) == (128, 2, 14)
    assert digest({"mask_token": torch.ones(1, 128)}) == recipe["digest"]  # nobody reads it
    assert digest({"norm.bias": torch.full((128,), 0.5)}) != recipe["digest"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "dinov2",
            r"dinov2 has no weights of its own; put one of dinov2_vitl14_pretrain.pth.*"
            r"fetch https://dl.fbaipublicfiles.com/dinov2",
        ),
        ("clip", "clip has no weights of its own; put one of clip_vit_b_32_openai.safetensors"),
    ],
)
def test_without_weights_it_says_what_to_give(
    name: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GENBENCH_WEIGHTS", raising=False)

    with pytest.raises(MissingWeights, match=words):
        features.load(name, weights_dir=tmp_path, device=CPU)


def test_other_files_of_that_name_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "dinov2_vitl14_pretrain.pth"
    for content, words in (
        ({"fc.weight": torch.zeros(3)}, "does not hold dinov2's vision transformer, for want of"),
        ({**drawn_dinov2(), "register_tokens": torch.zeros(1)}, "registers and gated layers"),
        ({"model": {"fc.weight": torch.zeros(3)}}, "holds more than a state_dict"),
    ):
        torch.save(content, file)
        with pytest.raises(WrongWeights, match=words):
            features.load("dinov2", weights_dir=tmp_path, device=CPU)
    file.write_bytes(b"something else")
    with pytest.raises(WrongWeights, match="cannot be read as plain tensors"):
        features.load("dinov2", weights_dir=tmp_path, device=CPU)


def test_floats_and_other_layers_are_refused(folder: Path) -> None:
    network = features.load("clip", weights_dir=folder, device=CPU)

    with pytest.raises(BadInput, match=r"uint8 images of 0\.\.255, got torch.float32"):
        network(noise(1, 32).float(), ("cls",))
    with pytest.raises(NotMeasurable, match="clip has no layer '2048'; it gives cls"):
        network(noise(1, 32), ("2048",))


def test_distances_are_never_called_fid() -> None:
    for name, metric in find_metrics(["fd_dinov2", "fd_clip"]).items():
        (column,) = metric.columns.values()
        assert list(metric.columns) == [name]
        assert "FID" not in column.title
        assert {input_.stream for input_ in metric.inputs.values()} == {Stream.REAL, Stream.SAMPLES}


def test_a_model_is_measured_with_the_weights_that_are_given(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says what is missing where there are none."""
    monkeypatch.setenv("GENBENCH_CACHE", str(tmp_path))
    monkeypatch.delenv("GENBENCH_WEIGHTS", raising=False)

    class Grey:
        def sample(self, n: int, rng: torch.Generator | None = None) -> Tensor:
            return torch.rand(n, 3, 16, 16, generator=rng) * 2 - 1

    asked: dict[str, Any] = {
        "data": "toyfaces:40",
        "resolution": 16,
        "metrics": ["fd_clip"],
        "images": 8,
        "repeats": 1,
    }
    row = genbench.evaluate({"g": Grey()}, weights_dir=folder, **asked).iloc[0]
    without = genbench.evaluate({"g": Grey()}, weights_dir=tmp_path, **asked).iloc[0]

    assert row.score == "fd_clip"
    assert row.value > 0
    assert atomic.sha256(folder / "clip_vit_b_32_openai.safetensors") in str(row.provenance)
    assert without.reason.startswith("clip has no weights of its own; put one of clip_vit_b_32")


def test_families_differ_where_they_should() -> None:
    assert dataclasses.asdict(dinov2.FAMILY)["eps"] == 1e-6
    assert dataclasses.asdict(clip.FAMILY)["eps"] == 1e-5
    assert (dinov2.FAMILY.side, clip.FAMILY.side) == (224, None)
