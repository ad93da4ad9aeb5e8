"""What every feature network of the registry promises the metrics that look through it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from genbench.contracts.outcome import ContractBroken, NotChecked, Outcome, Verdict
from genbench.errors import GenbenchError, MissingWeights
from genbench.images import to_floats
from genbench.interfaces import Extractor, Network
from genbench.runtime import seeds

ROWS = 6
SIDE = 64  # pixels, unless the network wants more
CLOSE = 1e-3  # of the largest feature; kernels for other batch sizes are off by some 1e-6


@dataclass(frozen=True)
class Specimen:
    """A network with its weights, and images that it accepts."""

    declared: Network
    extractor: Extractor
    images: Tensor  # uint8 (n, 3, h, h)

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        """Features of all layers that the weights at hand can give."""
        return self.extractor(images, self.extractor.layers)


def check_network(network: Network, weights_dir: Path | None = None) -> list[Outcome]:
    """Run every check on a feature network, with the weights that are at hand.

    Args:
        weights_dir: where the user keeps weights; without any, nothing can be checked.
    """
    try:
        extractor = network.load(weights_dir=weights_dir, device=torch.device("cpu"))
    except MissingWeights as error:
        return [Outcome(promise, Verdict.NOT_CHECKED, str(error)) for promise in CHECKS]
    specimen = Specimen(network, extractor, _images(max(SIDE, network.smallest)))
    return [_outcome(promise, check, specimen) for promise, check in CHECKS.items()]


def _outcome(promise: str, check: Callable[[Specimen], None], specimen: Specimen) -> Outcome:
    try:
        check(specimen)
    except NotChecked as reason:
        return Outcome(promise, Verdict.NOT_CHECKED, str(reason))
    except Exception as error:  # noqa: BLE001  # a stranger's network fails in any way
        kind = "" if isinstance(error, GenbenchError) else f"{type(error).__name__}: "
        return Outcome(promise, Verdict.BROKEN, f"{kind}{error}")
    return Outcome(promise, Verdict.KEPT)


def _images(side: int) -> Tensor:
    rng = seeds.generator(0, "contract", "feature")
    return torch.randint(0, 256, (ROWS, 3, side, side), generator=rng, dtype=torch.uint8)


def _gives_its_layers(specimen: Specimen) -> None:
    given, declared = specimen.extractor.layers, specimen.declared.layers
    if extra := sorted(set(given) - set(declared)):
        raise ContractBroken(f"the weights give layer {extra[0]}, which is not declared")
    if not given:
        raise ContractBroken("the weights give no layer")
    for layer, rows in specimen(specimen.images).items():
        if rows.ndim != 2 or len(rows) != ROWS or rows.dtype != torch.float32:
            found = f"{tuple(rows.shape)} of {rows.dtype}"
            raise ContractBroken(f"layer {layer} is {found}, wanted ({ROWS}, d) of torch.float32")
        if not rows.isfinite().all():
            raise ContractBroken(f"layer {layer} is not finite")


def _gives_what_was_asked(specimen: Specimen) -> None:
    whole = specimen(specimen.images)
    for layer in specimen.extractor.layers:
        alone = specimen.extractor(specimen.images, (layer,))
        if set(alone) != {layer}:
            raise ContractBroken(f"asked for layer {layer} it gives {', '.join(alone)}")
        _close(alone[layer], whole[layer], f"layer {layer} differs when it is asked for alone")


def _any_batch_gives_the_same(specimen: Specimen) -> None:
    """A network in training mode looks at the batch; one that draws gives other numbers."""
    whole = specimen(specimen.images)
    parts = [specimen(part) for part in torch.split(specimen.images, 4)]
    for layer, rows in whole.items():
        split = torch.cat([part[layer] for part in parts])
        _close(split, rows, f"layer {layer} depends on the other images of its batch, or on chance")


def _images_are_left_alone(specimen: Specimen) -> None:
    given = specimen.images.clone()
    specimen(given)
    if not torch.equal(given, specimen.images):
        raise ContractBroken("it changes the images it is given")


def _keeps_no_gradient(specimen: Specimen) -> None:
    with torch.enable_grad():
        found = specimen(specimen.images)
    if kept := [layer for layer, rows in found.items() if rows.requires_grad]:
        raise ContractBroken(f"layer {kept[0]} keeps what a gradient needs; use torch.no_grad()")


def _describes_itself(specimen: Specimen) -> None:
    """What the protocol hashes: the same before and after use."""
    before = _described(specimen.extractor)
    specimen(specimen.images)
    if before != _described(specimen.extractor):
        raise ContractBroken("it describes itself in another way once it was used")
    for layer in specimen.extractor.layers:
        found = specimen.extractor.describe(layer)
        if not found.get("name") or not found.get("digest"):
            raise ContractBroken(f"layer {layer} has no name, or no digest of its weights")


def _described(extractor: Extractor) -> str:
    return json.dumps([extractor.describe(layer) for layer in extractor.layers], sort_keys=True)


def _refuses_small_images(specimen: Specimen) -> None:
    smallest = specimen.declared.smallest
    if smallest == 1:
        raise NotChecked("it says that it takes images of any size")
    specimen(_images(smallest))
    try:
        specimen(_images(smallest - 1))
    except GenbenchError:
        return
    raise ContractBroken(f"it takes images of {smallest - 1} pixels, below its declared smallest")


def _takes_floats(specimen: Specimen) -> None:
    if not specimen.declared.floats:
        raise NotChecked("it says that it takes bytes alone")
    floats = specimen(to_floats(specimen.images))
    for layer, rows in specimen(specimen.images).items():
        _close(floats[layer], rows, f"layer {layer} differs between bytes and the same as floats")


def _close(a: Tensor, b: Tensor, what: str) -> None:
    worst = float((a - b).abs().max()) if a.shape == b.shape else float("inf")
    if not worst <= CLOSE * float(b.abs().max()):
        raise ContractBroken(f"{what}: by {worst:.2g}")


CHECKS: Mapping[str, Callable[[Specimen], None]] = {
    "it gives its layers, finite, one row an image": _gives_its_layers,
    "a layer alone is that layer of all": _gives_what_was_asked,
    "any cut into batches gives the same": _any_batch_gives_the_same,
    "images are left alone": _images_are_left_alone,
    "no gradient is kept": _keeps_no_gradient,
    "it describes itself, the same at any time": _describes_itself,
    "images below the smallest are refused": _refuses_small_images,
    "bytes and floats are the same image": _takes_floats,
}
