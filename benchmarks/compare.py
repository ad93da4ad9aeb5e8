"""FID of two folders of JPEGs by `genbench compare`, beside the tools that people use for it.

    pip install torch-fidelity pytorch-fid clean-fid
    OMP_NUM_THREADS=1 python benchmarks/compare.py --images 2000

Each tool has a process of its own and starts with nothing; its wall time, from the start to the
end of the process, and its peak memory are taken from outside. All see the same weights and
threads. torch-fidelity, and clean-fid in its mode legacy_tensorflow with that network, have the
definition of FID that genbench has; pytorch-fid resizes in another way, and its number differs.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from genbench.data.toyfaces.attributes import attributes
from genbench.data.toyfaces.renderer import draw
from genbench.features import inception
from genbench.runtime import paths

TORCH_FIDELITY = """
import sys
from torch_fidelity import calculate_metrics
weights, dims, real, fake = sys.argv[1:]
found = calculate_metrics(
    input1=real, input2=fake, fid=True, cuda=False, cache=False, verbose=False,
    save_cpu_ram=True, feature_layer_fid=dims, feature_extractor_weights_path=weights,
)
print("VALUE", found["frechet_inception_distance"])
"""
PYTORCH_FID = """
import sys, torch
from pytorch_fid import fid_score, inception
weights, dims, real, fake = sys.argv[1:]
inception.load_state_dict_from_url = lambda *_, **__: torch.load(weights)
print("VALUE", fid_score.calculate_fid_given_paths([real, fake], 50, "cpu", int(dims), 0))
"""
CLEAN_FID = """
import sys, torch
from cleanfid import fid
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
weights, dims, real, fake = sys.argv[1:]
network = FeatureExtractorInceptionV3("i", [dims], feature_extractor_weights_path=weights)
def features(images):
    with torch.no_grad():
        return network(images.to(torch.uint8))[0]
print("VALUE", fid.compare_folders(
    real, fake, features, "legacy_tensorflow", device=torch.device("cpu"), verbose=False))
"""
TOOLS = {"torch-fidelity": TORCH_FIDELITY, "clean-fid": CLEAN_FID, "pytorch-fid": PYTORCH_FID}
MODULES = {name: name.replace("clean-", "clean").replace("-", "_") for name in TOOLS}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--dims", default="768", choices=["64", "192", "768"])
    parser.add_argument("--only", nargs="*", default=["genbench", *TOOLS])
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        folders = [Path(root) / name for name in ("real", "fake")]
        for number, folder in enumerate(folders):
            save_faces(folder, number * 100_000, asked.images, asked.side, noise=8 * number)
        weights = Path(root) / "weights.pth"
        save_weights(weights)
        print(f"{asked.images} against {asked.images} JPEGs of {asked.side}x{asked.side}")
        for tool in asked.only:
            if find_spec(MODULES.get(tool, "genbench")) is None:
                print(f"{tool:<16} is not installed")
                continue
            command = commands(tool, weights, asked.dims, folders)
            value, seconds, busy, memory = run(command, Path(root) / "cache")
            print(
                f"{tool:<16} {value:12.6f} {seconds:9.1f} s, {busy:9.1f} s of processors, "
                f"{memory / 2**10:9.0f} MB",
                flush=True,
            )


def commands(tool: str, weights: Path, dims: str, folders: list[Path]) -> list[str]:
    """What starts a tool."""
    real, fake = map(str, folders)
    if tool == "genbench":
        command = f"-m genbench compare {real} {fake} --metrics fid:{dims} --device cpu --json"
        return [sys.executable, *command.split()]
    return [sys.executable, "-c", TOOLS[tool], str(weights), dims, real, fake]


def run(command: list[str], cache: Path) -> tuple[float, float, float, int]:
    """The number that a program prints, seconds, those of processors, and peak memory in kB."""
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out:
        environment = {**os.environ, "GENBENCH_CACHE": str(cache)}
        process = subprocess.Popen(command, stdout=out, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        out.seek(0)
        text = out.read()
    if status:
        sys.exit(f"{command[:3]} failed")
    found = re.search(r"VALUE (\S+)", text)
    value = float(found[1]) if found else json.loads(text)["records"][0]["value"]
    return value, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def save_faces(folder: Path, first: int, n: int, side: int, noise: float) -> None:
    """Toy faces, with noise on them, as JPEGs."""
    folder.mkdir()
    rng = np.random.default_rng(first)
    for start in range(0, n, 100):
        index = torch.arange(first + start, first + min(start + 100, n))
        for row, image in zip(index, draw(attributes(0, index), side).numpy(), strict=True):
            noisy = image.transpose(1, 2, 0) + noise * rng.standard_normal((side, side, 3))
            picture = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
            picture.save(folder / f"{int(row):06}.jpg", quality=92)


def save_weights(file: Path) -> None:
    """The weights at hand in the layout of the others, with zeros above them."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    folder = paths.weights_dir()
    assert folder is not None, "set GENBENCH_WEIGHTS"
    # The parent's method is back once a network without weights is built.
    torch.save({}, file)
    FeatureExtractorInceptionV3.load_state_dict = lambda self, *_, **__: None
    network = FeatureExtractorInceptionV3("i", ["64"], feature_extractor_weights_path=str(file))
    del FeatureExtractorInceptionV3.load_state_dict
    network.load_state_dict(load_file(folder / inception.TO_MIXED6E.names[0]), strict=False)
    torch.save(network.state_dict(), file)


if __name__ == "__main__":
    main()
