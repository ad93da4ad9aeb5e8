"""Trains toynet, the feature network that travels with genbench, on one thread of a CPU.

    python -m genbench.features._train_toynet toynet.safetensors

It learns to tell all attributes of toy faces, and how blurred and how noisy a picture was made:
half of the pictures are left as they are. Its faces are of a stream of their own, none of them
is a face of the data set. What it was made of and what it can do stands in the file, as "card".
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import torch
from safetensors.torch import save_file
from torch import Generator, Tensor, nn
from torch.nn import functional

from genbench.data.toyfaces.attributes import ATTRIBUTES, Choice, Kind, Span, attributes
from genbench.data.toyfaces.renderer import draw
from genbench.features._toynet import SIDE, folded, head, tensors, trunk_to_train
from genbench.images import blur, to_floats
from genbench.runtime import atomic, seeds
from genbench.runtime.progress import bar

COMMAND = "python -m genbench.features._train_toynet toynet.safetensors"
STREAM = 1  # of faces; the data set's is 0
BLURS = 4  # binomial blurs that make the most blurred picture, sigma 2 pixels
NOISE = 0.3  # standard deviation of the most noise, of [-1, 1]
HUES = ("hat_colour", "shirt_colour", "background")  # once around a circle
# What can only be seen where another attribute is not its first: glasses worn, a hat, hair.
SEEN_WITH = {
    "glasses_shape": "glasses",
    "glasses_colour": "glasses",
    "hat_colour": "hat",
    "hair_length": "hair_style",
    "parting": "hair_style",
}
KINDS: Mapping[str, Kind] = {**ATTRIBUTES, "blur": Span(0, 1), "noise": Span(0, 1)}


@dataclass(frozen=True)
class Settings:
    """All that decides the weights, beside the code."""

    steps: int = 5000
    batch: int = 64
    lr: float = 3e-3  # the highest; it rises and falls as in OneCycleLR
    seed: int = 0
    held_out: int = 4000  # faces after those of the training


Values = Mapping[str, Tensor]  # attribute -> (n,)


def train(settings: Settings) -> tuple[nn.Sequential, nn.Sequential]:
    """Trunk and head, trained; the same to the bit on the same machine with one thread."""
    torch.manual_seed(settings.seed)
    trunk, top = trunk_to_train(), head(outputs())
    weights = [
        weight for weight in (*trunk.parameters(), *top.parameters()) if weight.requires_grad
    ]
    optimizer = torch.optim.AdamW(weights, lr=settings.lr, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.lr, settings.steps)
    with bar("toynet", settings.steps, "steps") as advance:
        for step in range(settings.steps):
            values, images = degraded(step * settings.batch, settings.batch, settings.seed)
            loss = error(top(trunk(images)), values)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it without types
            optimizer.step()
            schedule.step()
            advance(1)
    return folded(trunk), top.eval()


def degraded(start: int, n: int, seed: int) -> tuple[Values, Tensor]:
    """Faces of which the first half is whole, a quarter is blurred, a quarter is noisy.

    Returns:
        attributes with ``blur`` and ``noise``, and pictures float32 (n, 3, 32, 32).
    """
    values, images = faces(start, n)
    rng = seeds.generator(seed, "toynet", start)
    how_much = torch.rand(n, generator=rng)
    place = torch.arange(n) * 4 // n
    blurs, noises = how_much * (place == 2), how_much * (place == 3)
    images = degrade(images, blurs, noises, rng)
    return {**values, "blur": blurs, "noise": noises}, images


def faces(start: int, n: int) -> tuple[Values, Tensor]:
    """Faces of the stream of toynet: attributes, and pictures float32 (n, 3, 32, 32)."""
    values = attributes(STREAM, torch.arange(start, start + n))
    none = torch.zeros(n)
    return {**values, "blur": none, "noise": none}, to_floats(draw(values, SIDE))


def degrade(images: Tensor, blurs: Tensor, noises: Tensor, rng: Generator) -> Tensor:
    """Pictures a share of the way to the most blurred, with a share of the most noise; (n,)."""
    across = torch.linalg.matrix_power(blur(SIDE), BLURS).float()
    soft = torch.lerp(images, across @ images @ across.T, blurs.view(-1, 1, 1, 1))
    noise = torch.randn(images.shape, generator=rng)
    return (soft + NOISE * noises.view(-1, 1, 1, 1) * noise).clamp(-1, 1)


# --- what is told of a face, and how well


def outputs() -> int:
    """Numbers that the head gives."""
    return sum(map(width, KINDS))


def width(name: str) -> int:
    """Numbers for an attribute: scores of choices, cosine and sine of a hue, else one."""
    kind = KINDS[name]
    if isinstance(kind, Choice):
        return len(kind.names)
    return 2 if name in HUES else 1


def split(answers: Tensor) -> Iterator[tuple[str, Tensor]]:
    """The columns of each attribute: (n, outputs) -> (n, width)."""
    return zip(KINDS, torch.split(answers, [width(name) for name in KINDS], 1), strict=True)


def error(answers: Tensor, values: Values) -> Tensor:
    """Mean over attributes of an error that is 1 for what knows nothing but their shares."""
    errors = []
    for name, columns in split(answers):
        shown = seen(name, values)
        errors.append(_error(name, columns[shown], values[name][shown]))
    return torch.stack(errors).mean()


def _error(name: str, answers: Tensor, value: Tensor) -> Tensor:
    kind = KINDS[name]
    if len(value) == 0:  # a mean of nothing would be NaN
        return answers.sum()
    if isinstance(kind, Span):
        wanted = scaled(name, value)
        return functional.mse_loss(answers, wanted) / _variance(name)
    if isinstance(kind, Choice):
        chance = -sum(share * math.log(share) for share in kind.shares)
        return functional.cross_entropy(answers, value) / chance
    chance = -sum(share * math.log(share) for share in (kind.share, 1 - kind.share))
    return functional.binary_cross_entropy_with_logits(answers[:, 0], value.float()) / chance


def scaled(name: str, value: Tensor) -> Tensor:
    """A span as the numbers that tell it: -1 to 1, or cosine and sine; (n,) -> (n, width)."""
    kind = KINDS[name]
    assert isinstance(kind, Span)
    share = (value - kind.low) / (kind.high - kind.low)
    if name in HUES:
        angle = share * 2 * math.pi
        return torch.stack([angle.cos(), angle.sin()], 1)
    return (share * 2 - 1)[:, None]


def _variance(name: str) -> float:
    return 0.5 if name in HUES else 1 / 3


def seen(name: str, values: Values) -> Tensor:
    """Faces on which an attribute can be seen, (n,) bool."""
    other = SEEN_WITH.get(name)
    return torch.ones_like(values[name], dtype=torch.bool) if other is None else values[other] != 0


@torch.no_grad()
def accuracies(answers: Tensor, values: Values) -> dict[str, float]:
    """Of flags and choices the share told rightly, of spans the share of variance explained."""
    found = {}
    for name, columns in split(answers):
        shown = seen(name, values)
        answer, value, kind = columns[shown], values[name][shown], KINDS[name]
        if isinstance(kind, Span):
            wanted = scaled(name, value)
            residual = (answer - wanted).square().mean()
            found[name] = float(1 - residual / wanted.var(0, correction=0).mean())
        elif isinstance(kind, Choice):
            found[name] = float((answer.argmax(1) == value).float().mean())
        else:
            found[name] = float(((answer[:, 0] > 0) == value).float().mean())
    return {name: round(each, 3) for name, each in found.items()}


@torch.no_grad()
def held_out(trunk: nn.Module, top: nn.Module, settings: Settings) -> dict[str, float]:
    """`accuracies` of faces that come after those of the training, half of them degraded."""
    start = settings.steps * settings.batch
    values, images = degraded(start, settings.held_out, settings.seed)
    answers = torch.cat([top(trunk(some)) for some in torch.split(images, 256)])
    return accuracies(answers, values)


@click.command()
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
def main(target: Path) -> None:
    """Train toynet and write it to TARGET, in a quarter of an hour of a free core."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    settings = Settings()
    trunk, top = train(settings)
    card = {
        "command": COMMAND,
        "settings": asdict(settings),
        "stream": STREAM,
        "torch": torch.__version__,
        "held_out": held_out(trunk, top, settings),
    }
    # One entry: the order of several would be another in every process, and so the checksum.
    with atomic.new_file(target) as temporary:
        save_file(tensors(trunk, top), temporary, {"card": json.dumps(card)})
    click.echo(f"{json.dumps(card, indent=1)}\nsha256 {atomic.sha256(target)}")


if __name__ == "__main__":
    main()
