"""The space of LPIPS: squared distances in it are what the package lpips gives."""

from __future__ import annotations

import dataclasses
import io
import os
import subprocess
import sys
import tomllib
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import lpips  # type: ignore[import-untyped]  # it has no types
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from genbench import features
from genbench.errors import BadInput, MissingWeights, NotMeasurable, WrongWeights
from genbench.features import _lpips, _lpips_plan, lpips_alex, lpips_squeeze, lpips_vgg
from genbench.features._lpips import Lpips
from genbench.features._lpips_plan import Conv, Fire, Plan
from genbench.images import to_floats
from genbench.interfaces import Extractor
from genbench.runtime import atomic
from genbench.runtime.weights import WeightsFile

CPU = torch.device("cpu")
PLANS = {"alex": lpips_alex.PLAN, "squeeze": lpips_squeeze.PLAN, "vgg": lpips_vgg.PLAN}
NAMES = tuple(PLANS)


def noise(n: int, height: int = 64, width: int = 64, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 3, height, width), generator=rng, dtype=torch.uint8)


def package(net: str) -> lpips.LPIPS:
    """The package's network without weights: torchvision would draw 138 million to no use."""
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchvision has renamed an argument of its own
        return lpips.LPIPS(net=net, pnet_rand=True, pretrained=False, verbose=False)


def reference(net: str, backbone: Mapping[str, Tensor], heads: Mapping[str, Tensor]) -> lpips.LPIPS:
    """The package's network with these weights."""
    network, scaling = package(net), lpips.ScalingLayer()
    state = {"scaling_layer.shift": scaling.shift, "scaling_layer.scale": scaling.scale}
    for name in network.state_dict():
        if name.startswith("net."):
            state[name] = backbone[_torchvisions(name)]
        elif name.startswith("lin"):
            state[name] = heads[name.replace("lins.", "lin")]
    network.load_state_dict(state, assign=True)
    return network.eval()


def drawn(net: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """A backbone whose activations neither grow nor die, and heads with zeros among them."""
    rng = torch.Generator().manual_seed(0)
    backbone, heads = {}, {}
    for name, tensor in package(net).state_dict().items():
        shape = tuple(tensor.shape)
        values = torch.randn(shape, generator=rng)
        if name.startswith("net."):
            scale = (2 / tensor[0].numel()) ** 0.5 if name.endswith("weight") else 0.1
            backbone[_torchvisions(name)] = values * scale
        elif name.startswith("lin") and not name.startswith("lins"):
            heads[name] = values.relu()
    return backbone, heads


def _torchvisions(name: str) -> str:
    """net.slice1.0.weight -> features.0.weight, net.slice2.3.squeeze.bias -> features.3..."""
    return f"features.{name.split('.', 2)[2]}"


def file_of(path: Path) -> WeightsFile:
    return WeightsFile((path.name,), atomic.sha256(path), None, "drawn for a test", "everything")


@dataclasses.dataclass(frozen=True)
class Case:
    """A network of ours and of the package with the same random weights, and their files."""

    plan: Plan
    folder: Path
    ours: Lpips
    theirs: lpips.LPIPS


@pytest.fixture(scope="module", params=NAMES)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    net, folder = request.param, tmp_path_factory.mktemp("weights")
    backbone, heads = drawn(net)
    save_file(backbone, folder / "backbone.safetensors")
    torch.save(heads, folder / "heads.pth")
    plan = dataclasses.replace(
        PLANS[net],
        backbones=(file_of(folder / "backbone.safetensors"),),
        heads=file_of(folder / "heads.pth"),
    )
    ours = _lpips.load(plan, folder, CPU, download=False)
    return Case(plan, folder, ours, reference(net, backbone, heads))


def gap(network: Extractor, a: Tensor, b: Tensor, layer: str = "all") -> Tensor:
    difference = network(a, (layer,))[layer] - network(b, (layer,))[layer]
    return difference.double().square().sum(1)


def test_squared_distance_is_that_of_the_package(case: Case) -> None:
    """To 1e-5, layer by layer and together, at a size that no pool divides."""
    a, b = noise(2, 70, 53), noise(2, 70, 53, seed=1)

    with torch.no_grad():
        whole, parts = case.theirs(to_floats(a), to_floats(b), retPerLayer=True)

    torch.testing.assert_close(gap(case.ours, a, b), whole.flatten().double(), rtol=1e-5, atol=0)
    for number, part in enumerate(parts, start=1):
        found = gap(case.ours, a, b, str(number))
        assert found.min() > 1e-4  # a layer under which all images look the same proves nothing
        torch.testing.assert_close(found, part.flatten().double(), rtol=1e-5, atol=0)


def test_parts_stand_one_after_another_in_the_whole(case: Case) -> None:
    found = case.ours(noise(1), ("5", "all", "2"))

    assert list(found) == ["5", "all", "2"]
    parts = case.ours(noise(1), case.ours.layers[2:])
    assert torch.equal(torch.cat(list(parts.values()), 1), found["all"])
    assert torch.equal(parts["2"], found["2"])
    assert found["all"].dtype == torch.float32


def test_equal_images_are_at_one_place_and_order_does_not_count(case: Case) -> None:
    a, b = noise(2), noise(2, seed=1)

    assert gap(case.ours, a, a).tolist() == [0, 0]
    assert torch.equal(gap(case.ours, a, b), gap(case.ours, b, a))


def test_images_in_blocks_are_the_images(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Convolutions differ by about 1e-6 with the size of a batch."""
    whole = case.ours(noise(5), ("all",))["all"]
    monkeypatch.setattr(_lpips, "PIXELS", 2 * 64 * 64)

    blocks = case.ours(noise(5), ("all",))["all"]

    torch.testing.assert_close(blocks, whole, rtol=1e-4, atol=1e-7)


def test_floats_are_the_bytes_they_stand_for(case: Case) -> None:
    found = case.ours(to_floats(noise(2)), ("all",))["all"]

    assert torch.equal(found, case.ours(noise(2), ("all",))["all"])


def test_floats_are_neither_clamped_nor_quantised(case: Case) -> None:
    """A step of a thousandth of a grey level counts, beyond white too."""
    white = torch.full((1, 3, 32, 32), 1.02)
    white[..., ::3] = -1.05

    assert gap(case.ours, white, white.clamp(-1, 1)) > 0
    assert gap(case.ours, white, white * (1 + 1e-5)) > 0


def test_no_gradient_and_no_autocast_reach_in(case: Case) -> None:
    images = to_floats(noise(1)).requires_grad_()
    wanted = case.ours(noise(1), ("all",))["all"]

    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = case.ours(images, ("all",))["all"]

    assert torch.equal(found, wanted)
    assert not found.requires_grad


@pytest.mark.parametrize("kind", [torch.int64, torch.float64, torch.float16])
def test_other_types_are_refused(case: Case, kind: torch.dtype) -> None:
    with pytest.raises(BadInput, match=f"uint8 in 0..255 or float32 in .-1, 1., got {kind}"):
        case.ours(noise(1).to(kind), ("all",))


def test_other_shapes_are_refused(case: Case) -> None:
    for images in (noise(1)[0], noise(1)[:, :1], noise(0)):
        with pytest.raises(BadInput, match=r"must be \(n, 3, h, w\)"):
            case.ours(images, ("all",))


def test_smallest_side_is_the_smallest_that_works(case: Case) -> None:
    least = case.plan.least

    assert case.ours(noise(1, least, 64), ("all",))["all"].isfinite().all()
    with pytest.raises(NotMeasurable, match=f"sides of {least} pixels or more, got {least - 1}"):
        case.ours(noise(1, 64, least - 1), ("all",))


def test_unknown_layer_is_answered_with_those_there_are(case: Case) -> None:
    with pytest.raises(NotMeasurable, match="no layer '8'; it gives all, all-256, 1, 2, 3, 4, 5"):
        case.ours(noise(1), ("8",))


def test_large_images_are_averaged_down(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Boxes of k x k pixels, k = side // largest, as StyleGAN does it; below that, nothing."""
    monkeypatch.setattr(_lpips, "LARGEST", 32)
    large = to_floats(noise(2, 96, 96))
    boxes = large.view(2, 3, 32, 3, 32, 3).mean((3, 5))

    found = case.ours(large, ("all", "all-256"))

    assert torch.equal(found["all"], case.ours(large, ("all",))["all"])
    small = case.ours(boxes, ("all",))["all"]
    torch.testing.assert_close(found["all-256"], small, rtol=1e-3, atol=1e-6)  # other roundings
    untouched = case.ours(noise(1, 63, 63), ("all", "all-256"))
    assert torch.equal(untouched["all"], untouched["all-256"])
    with pytest.raises(NotMeasurable, match="65x65 cannot be averaged down by 2"):
        case.ours(noise(1, 65, 65), ("all-256",))


def test_recipe_names_both_files_and_no_place_on_this_machine(case: Case) -> None:
    assert case.ours.files == {
        name: atomic.sha256(case.folder / name) for name in ("backbone.safetensors", "heads.pth")
    }
    assert not any(str(case.folder) in str(case.ours.describe(at)) for at in case.ours.layers)


def test_a_layer_is_known_by_the_numbers_it_depends_on(case: Case) -> None:
    """The backbone up to it and its own head; a classifier besides is no matter."""
    weights = load_file(case.folder / "backbone.safetensors")
    heads = torch.load(case.folder / "heads.pth", weights_only=True)
    deepest = max((n for n in weights if n.endswith("weight")), key=lambda n: int(n.split(".")[1]))
    last = f"lin{len(case.plan.chains) - 1}.model.1.weight"

    def digests(weights: dict[str, Tensor], heads: dict[str, Tensor]) -> dict[str, str]:
        found = Lpips(case.plan, weights, heads, case.plan.backbones[0], CPU)
        return {layer: found.describe(layer)["digest"] for layer in found.layers}

    known = digests(weights, heads)
    deep = digests(weights | {deepest: weights[deepest] + 1}, heads)
    head = digests(weights, heads | {last: heads[last] + 1})
    below = [str(i + 1) for i in range(len(case.plan.chains) - 1)]

    assert digests(weights | {"classifier.6.bias": torch.zeros(1000)}, heads) == known
    assert known["all"] == known["all-256"]
    for other in (deep, head):
        assert [other[at] for at in below] == [known[at] for at in below]
        assert not {other["all"], other[str(len(below) + 1)]} & set(known.values())


def test_files_of_torchvision_are_taken_as_they_are(case: Case, tmp_path: Path) -> None:
    """They hold a classifier besides."""
    weights = load_file(case.folder / "backbone.safetensors")
    torch.save(weights | {"classifier.6.bias": torch.zeros(1000)}, tmp_path / "published.pth")
    plan = dataclasses.replace(case.plan, backbones=(file_of(tmp_path / "published.pth"),))
    torch.save(torch.load(case.folder / "heads.pth", weights_only=True), tmp_path / "heads.pth")
    plan = dataclasses.replace(plan, heads=file_of(tmp_path / "heads.pth"))

    network = _lpips.load(plan, tmp_path, CPU, download=False)

    assert torch.equal(network(noise(1), ("all",))["all"], case.ours(noise(1), ("all",))["all"])
    assert network.files != case.ours.files
    assert network.describe("all") == case.ours.describe("all")


def test_heads_below_zero_are_refused(case: Case) -> None:
    """The root of a negative weight would be NaN in every feature."""
    backbone = load_file(case.folder / "backbone.safetensors")
    heads = torch.load(case.folder / "heads.pth", weights_only=True)
    heads["lin2.model.1.weight"] -= 1

    with pytest.raises(WrongWeights, match="negative weights"):
        Lpips(case.plan, backbone, heads, case.plan.backbones[0], CPU)


@pytest.mark.parametrize("net", NAMES)
def test_published_heads_come_with_the_package_lpips(net: str, tmp_path: Path) -> None:
    """Found without a folder of weights; 1,152, 2,240 and 1,472 numbers, none negative."""
    path = _lpips_plan.find_heads(PLANS[net], tmp_path, download=False)
    heads = _lpips_plan.read(path)

    assert atomic.sha256(path) == PLANS[net].heads.sha256
    numbers = {"alex": 1152, "squeeze": 2240, "vgg": 1472}
    assert sum(head.numel() for head in heads.values()) == numbers[net]
    assert min(float(head.min()) for head in heads.values()) >= 0


def test_heads_in_a_folder_come_before_those_of_the_package(tmp_path: Path) -> None:
    packaged = _lpips_plan.find_heads(lpips_alex.PLAN, None, download=False)
    (tmp_path / "alex.pth").write_bytes(packaged.read_bytes())

    assert (
        _lpips_plan.find_heads(lpips_alex.PLAN, tmp_path, download=False) == tmp_path / "alex.pth"
    )


def test_missing_heads_say_where_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_lpips_plan, "find_spec", lambda name: None)
    monkeypatch.delenv("GENBENCH_WEIGHTS", raising=False)

    with pytest.raises(
        MissingWeights,
        match=r"no lpips_v0.1_vgg.pth or vgg.pth .*--download, or fetch https.*; or: pip install",
    ):
        features.load("lpips_vgg", weights_dir=tmp_path, device=CPU)


def test_heads_of_another_package_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lpips").mkdir()
    (tmp_path / "lpips" / "__init__.py").touch()
    (tmp_path / "lpips" / "alex.pth").write_bytes(b"something else")
    plan = dataclasses.replace(lpips_alex.PLAN, packaged="alex.pth")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "lpips")

    with pytest.raises(WrongWeights, match=r"alex.pth of the package lpips has sha256 \w+, wanted"):
        _lpips_plan.packaged(plan)


def test_missing_backbone_says_where_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GENBENCH_WEIGHTS", raising=False)

    with pytest.raises(MissingWeights, match=r"fetch https://download.pytorch.org/models/vgg16"):
        features.load("lpips_vgg", weights_dir=tmp_path, device=CPU)


def test_neither_torchvision_nor_lpips_is_loaded() -> None:
    """They are no dependencies: the package is only looked into."""
    code = (
        "import sys\n"
        "from genbench.features import _lpips_plan, lpips_alex, lpips_vgg\n"
        "_lpips_plan.find_heads(lpips_alex.PLAN, None, download=False)\n"
        "assert not {'torchvision', 'lpips'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ})


@pytest.mark.parametrize("net", NAMES)
def test_plan_has_every_convolution_of_torchvision(net: str) -> None:
    wanted = {name.split(".")[2] for name in package(net).state_dict() if name.startswith("net.")}

    steps = [step for chain in PLANS[net].chains for step in chain]
    found = [step.index for step in steps if isinstance(step, Conv | Fire)]

    assert sorted(found) == sorted(int(index) for index in wanted)
    for file in PLANS[net].backbones[-1:]:  # torchvision's names carry eight digits of the sha256
        assert file.sha256[:8] in file.names[0]


@pytest.mark.assets
@pytest.mark.parametrize("net", ["alex", "vgg"])  # nobody has SqueezeNet's at hand
def test_real_weights_agree_with_the_package(net: str, weights: Path, pictures: Path) -> None:
    """Of one face and another, to 1e-5."""
    plan = PLANS[net]
    a, b = torch.split(_faces(pictures, 4), 2)
    backbone = load_file(weights / plan.backbones[0].names[0])
    heads = _lpips_plan.read(_lpips_plan.find_heads(plan, weights, download=False))

    found = gap(features.load(plan.name, weights_dir=weights, device=CPU), a, b)

    with torch.no_grad():
        wanted = reference(net, backbone, heads)(to_floats(a), to_floats(b)).flatten().double()
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=0)
    assert 0.05 < found.min() < found.max() < 1


def _faces(pictures: Path, n: int) -> Tensor:
    with zipfile.ZipFile(pictures / "celebahq56-256.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".png"))[:n]
        faces = [Image.open(io.BytesIO(archive.read(name))).convert("RGB") for name in names]
    half = [np.array(face.resize((128, 128))) for face in faces]
    return torch.from_numpy(np.stack(half)).permute(0, 3, 1, 2)


def test_the_package_with_the_heads_comes_with_genbench() -> None:
    with (Path(__file__).resolve().parents[2] / "pyproject.toml").open("rb") as stream:
        project = tomllib.load(stream)["project"]

    assert any(each.startswith("lpips") for each in project["dependencies"])
