"""toynet: the file that travels with the package is what its card says, and works as it says."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from genbench import features, registry
from genbench.data.sources import toyfaces
from genbench.data.toyfaces.attributes import Choice
from genbench.data.toyfaces.renderer import draw
from genbench.errors import BadInput, MissingWeights, NotMeasurable, WrongWeights
from genbench.features import _toynet, _train_toynet, toynet
from genbench.images import to_floats
from genbench.interfaces import Extractor

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network() -> Extractor:
    return features.load("toynet", weights_dir=None, device=CPU)


def faces(n: int, side: int = 32, stream: int = 7) -> Tensor:
    return draw(toyfaces.attributes(stream, torch.arange(n)), side)


def test_it_needs_no_folder_and_no_download(network: Extractor, tmp_path: Path) -> None:
    again = features.load("toynet", weights_dir=tmp_path, device=CPU)

    assert again.describe("64") == network.describe("64")
    assert toynet.FILE.stat().st_size < 1_000_000
    assert dict(network.files) == {"toynet.safetensors": toynet.SHA256}


def test_a_second_implementation_gives_the_same(network: Extractor) -> None:
    """The file's tensors by torch's functions alone."""
    held = toynet.read(toynet.FILE)
    images = faces(8)
    x = images.float() / 127.5 - 1
    for i, stride in zip((0, 2, 4, 6), (2, 2, 1, 2), strict=True):
        kernel, bias = held[f"trunk.{i}.weight"], held[f"trunk.{i}.bias"]
        x = functional.conv2d(x, kernel, bias, stride, padding=1).clamp(min=0)
    wanted = x.flatten(1) @ held["trunk.9.weight"].T + held["trunk.9.bias"]

    assert torch.allclose(network(images, ("64",))["64"], wanted, atol=1e-5)


@pytest.mark.parametrize("side", [16, 28, 64, 100])
def test_other_sizes_are_resized_as_pillow_does_it(side: int) -> None:
    """Pillow filters floats in two passes with antialiasing; float32 leaves 1e-5."""
    image = faces(1, side)
    wanted = [
        Image.fromarray(channel.numpy()).resize((32, 32), Image.Resampling.BILINEAR)
        for channel in to_floats(image)[0]
    ]

    found = toynet.prepared(image)[0]

    assert found.numpy() == pytest.approx(np.stack([np.array(x) for x in wanted]), abs=1e-5)


def test_it_tells_of_new_faces_what_its_card_says() -> None:
    """The head is in the file for this. 2,000 faces: standard errors of 0.02 and less."""
    held, card = toynet.read(toynet.FILE), toynet.card()
    trunk, head = _toynet.trunk(), _toynet.head(_train_toynet.outputs())
    for part, module in (("trunk.", trunk), ("head.", head)):
        module.load_state_dict({k.removeprefix(part): held[k] for k in held if part in k})
    values, images = _train_toynet.degraded(2**20, 2000, seed=1)

    with torch.no_grad():
        found = _train_toynet.accuracies(head(trunk(images)), values)

    assert found == pytest.approx(card["held_out"], abs=0.08)


def test_the_card_holds_the_command_and_all_that_decides_the_weights() -> None:
    card = toynet.card()

    assert card["command"] == _train_toynet.COMMAND
    assert card["settings"] == dataclasses.asdict(_train_toynet.Settings())
    assert card["stream"] == _train_toynet.STREAM != toyfaces.SEED  # it knows no face of the data


def test_features_of_toy_faces_have_variance_one_or_so(network: Extractor) -> None:
    """Of the mix of the training it is 1; whole faces alone spread a little less."""
    rows = network(faces(500), ("64",))["64"]

    assert 0.5 < float(rows.var(0).mean()) < 1.5


def test_five_hundred_faces_have_a_full_covariance(network: Extractor) -> None:
    """So a Fréchet distance of as many is no matter of rounding."""
    rows = network(faces(500), ("64",))["64"].double()

    values = torch.linalg.eigvalsh(torch.cov(rows.T))

    assert float(values[0] / values[-1]) > 1e-4


def test_a_file_of_that_name_and_other_content_is_refused(tmp_path: Path) -> None:
    path = tmp_path / toynet.FILE.name
    with pytest.raises(MissingWeights, match="though it is part of genbench; install it anew"):
        toynet.read(path)
    shutil.copy(toynet.FILE, path)
    with path.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"x")

    with pytest.raises(WrongWeights, match=r"its sha256 is \w{64}, wanted \w{64}; install"):
        toynet.read(path)


def test_what_it_cannot_look_at_is_said(network: Extractor) -> None:
    with pytest.raises(
        BadInput, match=r"uint8 in 0\.\.255 or float32 in \[-1, 1\], got torch.int64"
    ):
        network(torch.zeros(1, 3, 32, 32, dtype=torch.int64), ("64",))
    with pytest.raises(BadInput, match=r"must be \(n, 3, h, w\)"):
        network(torch.zeros(1, 1, 32, 32), ("64",))
    with pytest.raises(NotMeasurable, match="toynet has no layer '2048'; it gives 64"):
        network(faces(1), ("2048",))


def test_the_list_says_what_it_was_trained_on() -> None:
    """Whoever measures photographs with it must know."""
    assert "toy faces" in registry.plugin("feature", "toynet").summary()
    looking = [p for name, p in registry.plugins("metric").items() if name.endswith("_toynet")]
    assert looking
    assert all("trained on toyfaces" in each.summary() for each in looking)


# --- the training ------------------------------------------------------------------------------

FEW = _train_toynet.Settings(steps=3, batch=8)


def test_a_training_is_the_same_to_the_bit() -> None:
    first, second = (_toynet.tensors(*_train_toynet.train(FEW)) for _ in range(2))

    assert first.keys() == second.keys() == toynet.read(toynet.FILE).keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_folding_changes_no_feature() -> None:
    trained = _toynet.trunk_to_train()
    images = to_floats(faces(16))
    for _ in range(3):
        trained(images)  # so that the batch norms know something
    wanted = trained.eval()(images)

    assert torch.allclose(_toynet.folded(trained)(images), wanted, atol=1e-4)


def test_nothing_is_known_at_an_error_of_one() -> None:
    """What tells the shares of choices, and the middle of spans, is at 1 on average."""
    values, _ = _train_toynet.degraded(0, 4000, seed=0)
    answers = torch.zeros(4000, _train_toynet.outputs())
    for name, columns in _train_toynet.split(answers):  # views of it
        kind = _train_toynet.KINDS[name]
        if isinstance(kind, Choice):
            columns += torch.tensor(kind.shares).log()
        elif name == "glasses":
            columns += torch.tensor(0.3 / 0.7).log()

    error = _train_toynet.error(answers, values)

    assert float(error) == pytest.approx(1, abs=0.15)
