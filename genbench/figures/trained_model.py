"""A trained model, its data and what to say of both: what every sheet of images is made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # the name torch's own documentation uses
from torch import Tensor

from genbench import registry, runs
from genbench.data import Dataset, open_dataset
from genbench.errors import NotEnoughData, NotMeasurable
from genbench.images import enlarged, to_bytes, to_floats
from genbench.interfaces import Decodes, Encodes, Generates, Geometry, Interpolates, Stores
from genbench.runtime import devices, seeds

BATCH = 64  # rows that go through a model at once
NEEDS: dict[str, type] = {
    "sample": Generates,
    "encode": Encodes,
    "decode": Decodes,
    "interpolate": Interpolates,
}


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A model in evaluation mode, and the data it was trained on."""

    name: str
    model: Any
    data: Dataset
    device: torch.device
    about: str = ""  # which run, for captions
    remark: str | None = None  # that newer weights are damaged, where they are
    own: bool = True  # whether these are the images it was trained on, in their order
    sphere: bool = False  # whether codes lie on a sphere; those nobody speaks of are flat

    def need(self, figure: str, *methods: str) -> None:
        """Refuse a figure that this model cannot have.

        Raises:
            NotMeasurable: the message names the figure and what is missing.
        """
        for method in methods:
            if not isinstance(self.model, NEEDS[method]):
                raise NotMeasurable(
                    f"{self.name} has no {figure}: its model has no method {method}; "
                    "take a run of a model that has one, see: genbench show MODEL"
                )

    def held_out(self, n: int, seed: int) -> Tensor:
        """n test images chosen by *seed*, never by hand, (n, 3, r, r) uint8.

        Raises:
            NotEnoughData: the test split has fewer.
        """
        if n > len(self.data.test):
            raise NotEnoughData(
                f"the figure shows {n} test images, {self.data.name} has {len(self.data.test)}; "
                "ask for fewer"
            )
        rows = seeds.permutation(len(self.data.test), seed, "figure")
        return self.data.test.take(rows[:n])

    @torch.inference_mode()
    def sample(self, n: int, seed: int) -> Tensor:
        """n images, uint8 at the size of the data."""
        rng = seeds.generator(seed, "figure", device=self.device)
        return self._shown(self.model.sample(n, rng))

    @torch.inference_mode()
    def encode(self, images: Tensor) -> Tensor:
        """uint8 images -> latents (n, d)."""
        return _batched(lambda rows: self.model.encode(to_floats(rows.to(self.device))), images)

    @torch.inference_mode()
    def codes(self, rows: Tensor) -> Tensor:
        """Latents of training images: those that the model keeps for them, or encoded ones."""
        if self.own and isinstance(self.model, Stores):
            return self.model.stored(rows)
        return torch.cat(
            [self.encode(self.data.train.take(some)) for some in torch.split(rows, BATCH)]
        )

    @torch.inference_mode()
    def decode(self, latents: Tensor) -> Tensor:
        """Latents (n, d) -> uint8 images at the size of the data."""
        return _batched(lambda rows: self._shown(self.model.decode(rows)), latents)

    @torch.inference_mode()
    def between(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        """Points at *t*, (k,), on the way from one latent (d,) to another: (k, d)."""
        k = len(t)
        way: Tensor = self.model.interpolate(a.expand(k, -1), b.expand(k, -1), t)
        return way

    def at_home(self, latents: Tensor, like: Tensor) -> Tensor:
        """Latents (n, d) brought back to the sphere that *like* (m, d) lie on, if there is one."""
        if not self.sphere:
            return latents
        radius: Tensor = torch.linalg.vector_norm(like, dim=-1).mean()
        return F.normalize(latents, dim=-1) * radius

    def source(self, seed: int) -> str:
        """The end of a caption: run, data, seed."""
        data = self.data
        return (
            f"{self.about + '; ' if self.about else ''}data {data.name} at {data.resolution}×"
            f"{data.resolution}, fingerprint {data.fingerprint[:12]}; seed {seed}."
        )

    def _shown(self, images: Tensor) -> Tensor:
        # A growing model may not have grown up yet.
        return to_bytes(enlarged(images, self.data.resolution)).cpu()


def from_run(
    run: runs.Run,
    device: str = "auto",
    data: Dataset | str | None = None,
    data_dir: Path | None = None,
) -> TrainedModel:
    """The trained model of a run, on the data it was trained on or on other data.

    Raises:
        BadInput: no checkpoint, or the data are gone.
    """
    if data is None:
        data = runs.data_of(run)
    elif isinstance(data, str):
        data = open_dataset(data, run.resolution, data_dir=data_dir)
    model, weights = runs.load_known(run, device)
    about = f"Run {run.name} ({run.id}, model {run.model}, {model.seen:,} images seen)"
    return TrainedModel(
        run.name,
        model,
        data,
        devices.choose(device),
        about=about if weights.remark is None else f"{about}; {weights.remark}",
        remark=weights.remark,
        own=data.known_as(run.facts["fingerprint"]),
        sphere=registry.model(run.model).geometry is Geometry.SPHERE,
    )


def _batched(act: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor:
    return torch.cat([act(some) for some in torch.split(rows, BATCH)])
