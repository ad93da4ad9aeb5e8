"""LPIPS as a place: features between which the squared distance is LPIPS v0.1.

With f the map of layer l, divided at each position by its norm over channels, and w >= 0
the weights of that layer's linear head,

    phi(x) = all sqrt(w_c / (H W)) f_c(x) of all layers, one after another,
    LPIPS(a, b) = |phi(a) - phi(b)|^2

so one forward pass an image serves pairs of images, steps along a path, and neighbours.

Paper: R. Zhang, P. Isola, A. Efros, E. Shechtman, O. Wang, "The Unreasonable Effectiveness
    of Deep Features as a Perceptual Metric", CVPR 2018, arXiv:1801.03924.
Checked against: lpips 0.1.4, with the same weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from genbench.errors import BadInput, NotMeasurable, WrongWeights
from genbench.features._lpips_plan import Plan, build, find_heads, read, tensors
from genbench.images import to_floats
from genbench.interfaces import Json
from genbench.runtime.devices import full_float32
from genbench.runtime.tensor_digest import digest, joined
from genbench.runtime.weights import WeightsFile, find

SHIFT = (-0.030, -0.088, -0.188)  # of red, green, blue in [-1, 1]
SCALE = (0.458, 0.448, 0.450)
EPS = 1e-10  # added to the norm of a position
LARGEST = 256  # pixels: what StyleGAN measures of larger images, averaged down
PIXELS = 1 << 17  # of images that go through together: VGG16's widest map is then 34 MB
ALL, SMALL = "all", f"all-{LARGEST}"


def load(plan: Plan, weights_dir: Path | None, device: torch.device, download: bool) -> Lpips:
    """The network of *plan*, with whatever files are at hand.

    Raises:
        MissingWeights: the backbone or the heads are not; the message says where to get them.
        WrongWeights: a file has the right name and other content.
    """
    heads = read(find_heads(plan, weights_dir, download))
    backbone, path = find(plan.backbones, weights_dir, download=download)
    return Lpips(plan, read(path), heads, backbone, device)


def layers(plan: Plan) -> tuple[str, ...]:
    """Names of what the network of *plan* gives."""
    return (ALL, SMALL, *(str(number + 1) for number in range(len(plan.chains))))


class Lpips:
    """An `Extractor`: layer "all" is phi, layers "1" to "5" are its parts.

    Layer "all-256" is phi of the image averaged down as StyleGAN does it: side s becomes
    s / k with k = s // 256. Up to 511 pixels it equals "all".
    """

    def __init__(
        self,
        plan: Plan,
        weights: Mapping[str, Tensor],
        heads: Mapping[str, Tensor],
        backbone: WeightsFile,
        device: torch.device,
    ) -> None:
        """Backbone by torchvision's names, *heads* by those of the package lpips.

        Raises:
            WrongWeights: a head has a negative weight, so there is no such distance.
        """
        self.plan, self.name = plan, plan.name
        self.files: Mapping[str, str] = {
            backbone.names[0]: backbone.sha256,
            plan.heads.names[0]: plan.heads.sha256,
        }
        numbers = range(len(plan.chains))
        self.layers = layers(plan)
        self.digests = _digests(plan, weights, heads)
        self.slices = [
            build(chain, weights).to(memory_format=torch.channels_last).to(device)
            for chain in plan.chains
        ]
        self.heads = [
            heads[f"lin{i}.model.1.weight"].flatten().double().to(device) for i in numbers
        ]
        if any(bool((head < 0).any()) for head in self.heads):
            raise WrongWeights(
                f"{plan.heads.names[0]} holds negative weights; wanted the heads of LPIPS v0.1, "
                f"from {plan.heads.url}"
            )
        self.shift = torch.tensor(SHIFT, device=device).view(1, 3, 1, 1)
        self.scale = torch.tensor(SCALE, device=device).view(1, 3, 1, 1)

    def __call__(self, images: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        """Features of *images*, as long as all maps that count together.

        Floats are taken as they are: models do not clamp, and the ends of a small step
        must not be cut apart. For VGG16 d is 122 h w, 2 MB an image at 64x64 and 32 MB
        at 256x256; AlexNet's is 15 times shorter.

        Args:
            images: uint8, or float32 in [-1, 1]; (n, 3, h, w), on the device of the network.
            layers: of `layers`.

        Returns:
            {layer: float32 (n, d)}, position by position.

        Raises:
            BadInput: images of another type or shape.
            NotMeasurable: sides too small or not divisible, or an unknown layer.
        """
        _check(images)
        for layer in layers:
            if layer not in self.layers:
                raise NotMeasurable(
                    f"{self.name} has no layer {layer!r}; it gives {', '.join(self.layers)}"
                )
        found: dict[str, Tensor] = {}
        with torch.no_grad(), full_float32(), torch.autocast(images.device.type, enabled=False):
            if whole := tuple(layer for layer in layers if layer != SMALL):
                found = self._features(images, whole, 1)
            if SMALL in layers:
                factor = self._factor(images)
                shared = found.get(ALL) if factor == 1 else None
                found[SMALL] = (
                    self._features(images, (ALL,), factor)[ALL] if shared is None else shared
                )
        return {layer: found[layer] for layer in layers}

    def compile(self) -> None:
        """Let torch compile each slice when it is first used."""
        for part in self.slices:
            part.compile()

    def describe(self, layer: str) -> dict[str, Json]:
        """What the protocol must say of *layer*."""
        return {
            "name": self.name,
            "version": "lpips-0.1",
            "digest": self.digests[layer],
            "resize": f"mean-to-{LARGEST}" if layer == SMALL else "none",
        }

    def _features(self, images: Tensor, layers: Sequence[str], factor: int) -> dict[str, Tensor]:
        """Some of the layers but SMALL, of images that *factor* shrinks first."""
        numbers = range(len(self.slices))
        kept = [i for i in numbers if ALL in layers or str(i + 1) in layers]
        size = max(1, PIXELS * factor**2 // images[0, 0].numel())
        phi: Tensor | None = None
        for start in range(0, len(images), size):
            rows = slice(start, start + size)
            maps = self._maps(self._prepared(images[rows], factor), kept)
            if phi is None:
                # Filled a block at a time: joining finished layers would take the memory twice.
                places = _places(maps)
                phi = images.new_empty((len(images), places[kept[-1]].stop), dtype=torch.float32)
            for i, place in places.items():
                _write(maps[i], self.heads[i], phi[rows, place])
        assert phi is not None  # there is at least one image
        return {layer: phi if layer == ALL else phi[:, places[int(layer) - 1]] for layer in layers}

    def _prepared(self, images: Tensor, factor: int) -> Tensor:
        """What the backbone looks at, float32."""
        x = to_floats(images) if images.dtype == torch.uint8 else images
        if factor > 1:
            x = nn.functional.avg_pool2d(x, factor)
        self._check_side(x)
        return ((x - self.shift) / self.scale).contiguous(memory_format=torch.channels_last)

    def _maps(self, x: Tensor, kept: Sequence[int]) -> dict[int, Tensor]:
        """Maps of the layers *kept*, no deeper than the deepest of them."""
        maps = {}
        for i, chain in enumerate(self.slices[: kept[-1] + 1]):
            x = chain(x)
            if i in kept:
                maps[i] = x
        return maps

    def _check_side(self, x: Tensor) -> None:
        side = min(x.shape[-2:])
        if side < self.plan.least:
            raise NotMeasurable(
                f"{self.name} needs sides of {self.plan.least} pixels or more, got {side}; "
                "measure at a higher resolution"
            )

    def _factor(self, images: Tensor) -> int:
        """How many pixels of a side become one."""
        height, width = images.shape[-2:]
        factor = max(1, min(height, width) // LARGEST)
        if height % factor or width % factor:
            raise NotMeasurable(
                f"images of {height}x{width} cannot be averaged down by {factor}; "
                f"use layer {ALL}, or sides that {LARGEST} divides"
            )
        return factor


def _digests(
    plan: Plan, weights: Mapping[str, Tensor], heads: Mapping[str, Tensor]
) -> dict[str, str]:
    """Digest of what each layer depends on: the backbone up to it, and its heads."""
    chains = [digest((name, weights[name]) for name in tensors(chain)) for chain in plan.chains]
    names = [f"lin{i}.model.1.weight" for i in range(len(chains))]
    found = {
        str(i + 1): joined([*chains[: i + 1], digest([(name, heads[name])])])
        for i, name in enumerate(names)
    }
    whole = joined([*chains, digest((name, heads[name]) for name in names)])
    return {**found, ALL: whole, SMALL: whole}


def _check(images: Tensor) -> None:
    if images.dtype not in (torch.uint8, torch.float32):
        raise BadInput(
            f"images must be uint8 in 0..255 or float32 in [-1, 1], got {images.dtype}; "
            "convert them first"
        )
    if images.ndim != 4 or images.shape[1] != 3 or len(images) == 0:
        raise BadInput(
            f"images must be (n, 3, h, w) with n of 1 or more, got {tuple(images.shape)}"
        )


def _places(maps: Mapping[int, Tensor]) -> dict[int, slice]:
    """Columns of phi that each layer fills."""
    places, start = {}, 0
    for i, found in maps.items():
        stop = start + found[0].numel()
        places[i], start = slice(start, stop), stop
    return places


def _write(found: Tensor, head: Tensor, out: Tensor) -> None:
    """One layer's part of phi: map (n, c, h, w), head (c,), into *out* (n, h w c)."""
    rows = found.permute(0, 2, 3, 1)  # as channels-last memory has them: no copy
    norm = torch.linalg.vector_norm(rows, dim=-1, keepdim=True) + EPS
    target = out.view(rows.shape)
    torch.div(rows, norm, out=target)
    target *= (head / (found.shape[2] * found.shape[3])).sqrt().to(found)
