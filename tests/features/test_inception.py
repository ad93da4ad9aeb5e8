"""The Inception network: the same numbers as torch-fidelity's, with the same weights."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

from genbench import features
from genbench.errors import MissingWeights, NotMeasurable, UnknownName
from genbench.features import inception
from genbench.runtime import atomic
from genbench.runtime.devices import full_float32
from genbench.runtime.weights import WeightsFile

CPU = torch.device("cpu")
DEEPEST = "logits_unbiased"


def images(n: int, height: int = 64, width: int = 64, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 3, height, width), generator=rng, dtype=torch.uint8)


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole network's weights, drawn so that activations neither grow nor die."""
    folder = tmp_path_factory.mktemp("weights")
    torch.save({}, folder / "none.pth")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda *_: None)
        network = reference(folder / "none.pth", "64")
    rng = torch.Generator().manual_seed(0)
    drawn = {
        name: draw(name, tensor, rng) if tensor.is_floating_point() else tensor
        for name, tensor in network.state_dict().items()
    }
    torch.save(drawn, folder / "random.pth")
    return folder / "random.pth"


def draw(name: str, like: Tensor, rng: torch.Generator) -> Tensor:
    if name.endswith(("running_var", "bn.weight")):
        return torch.rand(like.shape, generator=rng) + 0.5
    noise = torch.randn(like.shape, generator=rng)
    return noise * ((2 / like[0].numel()) ** 0.5 if like.ndim > 1 else 0.1)


def reference(path: Path, *layers: str) -> FeatureExtractorInceptionV3:
    return FeatureExtractorInceptionV3(
        "reference", list(layers), feature_extractor_weights_path=str(path)
    )


def file_of(path: Path) -> WeightsFile:
    return WeightsFile((path.name,), atomic.sha256(path), None, "drawn for a test", "everything")


@pytest.fixture(scope="module")
def network(random_weights: Path) -> inception.Inception:
    file = file_of(random_weights)
    return inception.load(weights_dir=random_weights.parent, device=CPU, files=(file,))


def test_every_layer_agrees_with_torch_fidelity(
    network: inception.Inception, random_weights: Path
) -> None:
    """All of the architecture, on random weights; folding batch norm costs 5e-7."""
    layers = ("64", "192", "768", "2048", DEEPEST)
    assert network.layers == layers

    found = network(images(2), layers)

    wanted = reference(random_weights, *layers)(images(2))
    for layer, tensor in zip(layers, wanted, strict=True):
        assert tensor.std() > 1e-3  # weights under which every image looks the same prove nothing
        difference = (found[layer] - tensor).abs().max() / tensor.abs().max()
        assert difference < 1e-5, layer
        assert found[layer].dtype == torch.float32


@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 48), (299, 299), (350, 300)])
def test_resize_is_that_of_tensorflow_1(height: int, width: int) -> None:
    """To 1e-4 of a grey level."""
    x = images(2, height, width).float()

    wanted = interpolate_bilinear_2d_like_tensorflow1x(x, size=(299, 299), align_corners=False)

    torch.testing.assert_close(inception.resized(x), wanted, rtol=0, atol=1e-4)
    prepared = inception.prepared(images(2, height, width))
    torch.testing.assert_close(prepared, (wanted - 128) / 128, rtol=0, atol=1e-6)


def test_layers_do_not_depend_on_what_else_is_asked(network: inception.Inception) -> None:
    alone = network(images(1), ("192",))
    together = network(images(1), ("768", "192"))

    assert list(alone) == ["192"]
    assert list(together) == ["768", "192"]
    assert torch.equal(alone["192"], together["192"])
    assert {name: tensor.shape for name, tensor in together.items()} == {
        "768": (1, 768),
        "192": (1, 192),
    }


@pytest.fixture
def _low_precision() -> Iterator[None]:
    """A program that trades precision for speed everywhere."""
    torch.set_float32_matmul_precision("medium")
    yield
    torch.set_float32_matmul_precision("highest")


@pytest.mark.usefixtures("_low_precision")
def test_features_do_not_follow_the_precision_of_the_program(
    network: inception.Inception,
) -> None:
    """Neither autocast nor the switches for products reach in, and both stay as they were."""
    wanted = network(images(1), ("64",))["64"]

    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = network(images(1), ("64",))["64"]
        assert torch.is_autocast_enabled("cpu")

    assert torch.equal(found, wanted)
    assert torch.get_float32_matmul_precision() == "medium"
    assert torch.backends.cuda.matmul.fp32_precision == "tf32"
    with full_float32():
        assert torch.get_float32_matmul_precision() == "highest"
        assert not torch.backends.cuda.matmul.allow_tf32


def test_features_take_no_gradient(network: inception.Inception) -> None:
    assert not network(images(1), ("64",))["64"].requires_grad


def test_shorter_weights_give_the_layers_they_reach(random_weights: Path, tmp_path: Path) -> None:
    """The file that ends at Mixed_6e has no 2048; a message says where it is to be had."""
    deeper = ("Mixed_7", "fc")
    weights = torch.load(random_weights, weights_only=True)
    partial = {name: w for name, w in weights.items() if not name.startswith(deeper)}
    path = tmp_path / "partial.safetensors"
    save_file(partial, path)

    network = inception.load(weights_dir=tmp_path, device=CPU, files=(file_of(path),))

    assert network.layers == ("64", "192", "768")
    with pytest.raises(
        NotMeasurable, match=r"2048 is not in partial.*gives 64, 192, 768.*download"
    ):
        network(images(1), ("2048",))
    with pytest.raises(NotMeasurable, match="has no layer '96'; it gives 64, 192, 768"):
        network(images(1), ("96",))


def test_better_weights_are_preferred(random_weights: Path) -> None:
    absent = WeightsFile(("absent.pth",), "0" * 64, None, "", "")
    file = file_of(random_weights)

    network = inception.load(weights_dir=random_weights.parent, device=CPU, files=(absent, file))

    assert network.files == {file.names[0]: file.sha256}


def test_recipe_names_the_weights_and_no_place_on_this_machine(
    network: inception.Inception, random_weights: Path
) -> None:
    assert network.files == {"random.pth": atomic.sha256(random_weights)}
    assert str(random_weights.parent) not in str(network.describe("768"))


def test_a_layer_is_known_by_the_numbers_before_it(random_weights: Path, tmp_path: Path) -> None:
    """A part of the checkpoint is the same network as far as it goes, whatever its file."""
    whole = torch.load(random_weights, weights_only=True)
    behind, before = "Mixed_7a.branch3x3_1.conv.weight", "Mixed_5b.branch1x1.bn.running_mean"

    def digests(weights: dict[str, Tensor]) -> dict[str, str]:
        found = inception.Inception(weights, file_of(random_weights), CPU)
        return {layer: found.describe(layer)["digest"] for layer in found.layers}

    def changed(name: str) -> dict[str, Tensor]:
        tensor = whole[name].clone()
        tensor.flatten()[0] += 1
        return whole | {name: tensor}

    known = digests(whole)
    cut = {name: each for name, each in whole.items() if not name.startswith(("Mixed_7", "fc"))}
    deep, early = digests(changed(behind)), digests(changed(before))

    assert len(set(known.values())) == 5
    assert digests(cut) == {layer: known[layer] for layer in ("64", "192", "768")}
    assert {at for at in known if deep[at] != known[at]} == {"2048", "logits_unbiased"}
    assert {at for at in known if early[at] == known[at]} == {"64", "192"}


def test_a_file_of_half_precision_is_known_by_its_numbers(random_weights: Path) -> None:
    halved = {k: v.half() for k, v in torch.load(random_weights, weights_only=True).items()}
    widened = {name: tensor.float() for name, tensor in halved.items()}

    a, b = (inception.Inception(each, file_of(random_weights), CPU) for each in (halved, widened))

    assert a.digests == b.digests


def test_unknown_network_gets_the_nearest_name() -> None:
    with pytest.raises(
        UnknownName,
        match=r"'incepton'\. Did you mean inception\? See: genbench list feature",
    ):
        features.load("incepton", weights_dir=None, device=CPU)


def test_missing_weights_say_where_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GENBENCH_WEIGHTS", raising=False)

    with pytest.raises(MissingWeights, match=r"--download, or fetch https://github.com/mseitzer"):
        features.load("inception", weights_dir=tmp_path, device=CPU)


@pytest.mark.assets
def test_real_weights_agree_with_torch_fidelity(random_weights: Path, tmp_path: Path) -> None:
    """The published weights up to Mixed_6e, put into torch-fidelity's network."""
    if "GENBENCH_WEIGHTS" not in os.environ:
        pytest.skip("GENBENCH_WEIGHTS is not set")
    weights = torch.load(random_weights, weights_only=True)
    folder = Path(os.environ["GENBENCH_WEIGHTS"])
    path = tmp_path / "mixed.pth"
    torch.save(weights | load_file(folder / inception.TO_MIXED6E.names[0]), path)
    layers = ("64", "192", "768")

    found = features.load("inception", weights_dir=folder, device=CPU)(images(4), layers)

    for layer, tensor in zip(layers, reference(path, *layers)(images(4)), strict=True):
        assert (found[layer] - tensor).abs().max() / tensor.abs().max() < 1e-5, layer
