"""Models of other libraries and of users, called in the one way in which genbench calls models."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor, nn

from genbench.adapters import libraries, outputs
from genbench.adapters.calls import guarded, named_arguments, takes_generator
from genbench.adapters.libraries import OURS, Library, Range
from genbench.adapters.outputs import Posterior
from genbench.errors import BadInput

Call = Callable[..., Any]


@dataclass(frozen=True)
class Wrapped:
    """A model and the calls that are made of it; None where it cannot do a thing.

    Images are floats in [-1, 1] on both sides, whatever range and precision the model has, or
    bytes where it returns bytes. What its code raises is a `ModelFailed`.
    """

    model: Any
    sample: Call | None  # (n, rng) -> n images, (n, 3, h, w)
    draw: Call | None  # (n, rng) -> n latents of its prior
    encode: Call | None  # (images, posterior="mode") -> what decode takes
    decode: Call | None  # latents -> images
    reconstruct: Call | None  # (images, posterior="mode") -> images
    interpolate: Call | None  # (a, b, t) -> latents between two

    def modules(self) -> Iterator[nn.Module]:
        """Its networks: the model itself, or those among its attributes."""
        yield from _modules(self.model)

    def anything(self) -> bool:
        """Whether it can do what can be measured."""
        return any((self.sample, self.draw, self.encode, self.reconstruct))


def wrap(
    model: Any,
    *,
    sample: Call | None = None,
    encode: Call | None = None,
    decode: Call | None = None,
    reconstruct: Call | None = None,
    value_range: Range | None = None,
) -> Wrapped:
    """Say how a model is called, where its own methods do not say it.

    `genbench.evaluate` does this with all that it is given, so a model with `sample`, or with
    `encode` and `decode`, an autoencoder of diffusers and a model of pythae go in as they are.

        genbench.wrap(gan, sample=lambda n, rng: gan(torch.randn(n, 128, generator=rng)))
        genbench.wrap(vae, value_range=(0, 1))

    Args:
        model: any object; networks are put in evaluation mode when they are measured.
        sample: takes a number of images; and, where parameters are called so, a generator of
            torch as `rng` or `generator`, or a number as `seed`.
        encode: takes images and gives what *decode* takes, or a distribution of it; two tensors
            of one shape are its mean and log variance.
        decode: gives images.
        reconstruct: takes images and gives images, of a model that shows no latents.
        value_range: what black and white are to it, (0, 1) or (-1, 1); by default (-1, 1), or
            what its library has.

    Raises:
        BadInput: it is a class, or black is not below white.
    """
    if isinstance(model, Wrapped):
        return model
    if inspect.isclass(model):
        name = model.__name__
        raise BadInput(f"{name} is a class, not a model made of it; give {name}(...)")
    known = libraries.of(model)
    adapt = _Adapter(model, _checked(value_range or known.value_range))
    encoder = adapt.encoder(encode, known)
    decoder = adapt.decoder(decode or known.decode or _method(model, "decode"))
    whole = adapt.reconstructor(reconstruct)
    if whole is None and encoder and decoder:
        whole = _through(encoder, decoder)
    return Wrapped(
        model,
        sample=adapt.sampler(sample or _method(model, "sample")),
        draw=adapt.drawer(_method(model, "draw")),
        encode=encoder,
        decode=decoder,
        reconstruct=whole or adapt.reconstructor(_method(model, "reconstruct")),
        interpolate=_method(model, "interpolate"),
    )


@dataclass(frozen=True)
class _Adapter:
    """Makes the calls of one model: what goes in, what comes out, what is said of errors."""

    model: Any
    value_range: Range

    def sampler(self, call: Call | None) -> Call | None:
        if call is None:
            return None
        run = guarded(call, "sample", "genbench.wrap(model, sample=...) says how it is called")

        def sample(n: int, rng: Generator) -> Tensor:
            found = self._out(run(n, **named_arguments(call, rng, self._device(), n)), "sample")
            _check_rows(len(found), n, "sample")
            return found[:n]

        return sample

    def drawer(self, call: Call | None) -> Call | None:
        """Of a prior; a method that is called so and takes no generator does something else."""
        if call is None or not takes_generator(call):
            return None
        run = guarded(call, "draw")
        return lambda n, rng: run(n, **named_arguments(call, rng, self._device(), n))

    def encoder(self, given: Call | None, known: Library) -> Call | None:
        special = known.encode if given is None else None
        call = special or given or _method(self.model, "encode")
        if call is None:
            return None
        run = guarded(call, "encode")

        def encode(images: Tensor, posterior: Posterior = "mode") -> Any:
            if special is not None:
                return run(self._in(images), posterior)
            return outputs.latents(run(self._in(images)), posterior)

        return encode

    def decoder(self, call: Call | None) -> Call | None:
        if call is None:
            return None
        run = guarded(call, "decode")

        def decode(latents: Any) -> Tensor:
            if isinstance(latents, Tensor) and latents.is_floating_point():
                latents = latents.to(self._dtype() or latents.dtype)
            found = self._out(run(latents), "decode")
            if isinstance(latents, Tensor):
                _check_rows(len(found), len(latents), "decode", exactly=True)
            return found

        return decode

    def reconstructor(self, call: Call | None) -> Call | None:
        if call is None:
            return None
        run = guarded(call, "reconstruct")

        def reconstruct(images: Tensor, posterior: Posterior = "mode") -> Tensor:
            if posterior == "sample":
                raise BadInput(
                    "a sample of the posterior was asked for, and reconstruct shows none; "
                    "leave --posterior out"
                )
            found = self._out(run(self._in(images)), "reconstruct")
            _check_rows(len(found), len(images), "reconstruct", exactly=True)
            return found

        return reconstruct

    def _in(self, images: Tensor) -> Tensor:
        """Floats in [-1, 1] in the range and the precision of the model."""
        low, high = self.value_range
        if self.value_range != OURS:
            images = (images + 1) * ((high - low) / 2) + low
        return images.to(self._dtype() or images.dtype)

    def _out(self, found: Any, call: str) -> Tensor:
        """What it gave as images in [-1, 1]; bytes stay bytes."""
        images = outputs.images(found, call)
        low, high = self.value_range
        if self.value_range == OURS or not images.is_floating_point():
            return images
        return (images - low) * (2 / (high - low)) - 1

    def _dtype(self) -> torch.dtype | None:
        """Precision of its weights; None where it has none."""
        parameter = self._parameter()
        return None if parameter is None else parameter.dtype

    def _device(self) -> torch.device:
        parameter = self._parameter()
        return torch.device("cpu") if parameter is None else parameter.device

    def _parameter(self) -> nn.Parameter | None:
        every = (p for module in _modules(self.model) for p in module.parameters())
        return next((p for p in every if p.is_floating_point()), None)


def _through(encode: Call, decode: Call) -> Call:
    def reconstruct(images: Tensor, posterior: Posterior = "mode") -> Tensor:
        found: Tensor = decode(encode(images, posterior))
        _check_rows(len(found), len(images), "decode", exactly=True)
        return found

    return reconstruct


def _modules(model: Any) -> Iterator[nn.Module]:
    if isinstance(model, nn.Module):
        yield model
        return
    try:
        parts = list(vars(model).values())
    except TypeError:  # it has no attributes of its own
        return
    yield from (part for part in parts if isinstance(part, nn.Module))


def _method(model: Any, name: str) -> Call | None:
    found = getattr(model, name, None)
    return found if callable(found) else None


def _checked(value_range: Range) -> Range:
    low, high = value_range
    if not low < high:
        raise BadInput(f"value_range must rise from black to white, got ({low:g}, {high:g})")
    return float(low), float(high)


def _check_rows(found: int, wanted: int, call: str, *, exactly: bool = False) -> None:
    if found < wanted or (exactly and found > wanted):
        raise BadInput(f"{call} gave {found} images where {wanted} were asked for")
