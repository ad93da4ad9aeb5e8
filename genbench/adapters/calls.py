"""Calls into other people's code: what they are given, and what is said where they fail."""

from __future__ import annotations

import inspect
import sysconfig
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Generator

from genbench.errors import GenbenchError, NotMeasurable

GENERATORS = ("rng", "generator")
SEEDS = ("seed", "random_seed")
DEVICES = ("device", "current_device")
COUNTS = ("batch_size",)
LONGEST = 300  # characters of somebody else's message
LIBRARIES = [Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")]


class ModelFailed(NotMeasurable):
    """Code of a model raised an error; the message is the reason in the table."""


def named_arguments(
    call: Callable[..., Any], rng: Generator, device: torch.device, n: int
) -> dict[str, Any]:
    """What *call* takes beside the number of images, each by a name that says what it wants.

    A generator goes to `rng` and `generator`, its seed to `seed`. A device and a batch size are
    given where they have no default. Everything else keeps its default.
    """
    found: dict[str, Any] = {}
    for name, parameter in list(_parameters(call).items())[1:]:
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            continue
        needed = parameter.default is parameter.empty
        if name in GENERATORS:
            found[name] = _generator(parameter, rng)
        elif name in SEEDS:
            found[name] = rng.initial_seed() % 2**31
        elif name in DEVICES and needed:
            found[name] = device
        elif name in COUNTS and needed:
            found[name] = n
    return found


def takes_generator(call: Callable[..., Any]) -> bool:
    """Whether one of its parameters is called as a generator is."""
    return any(name in GENERATORS for name in list(_parameters(call))[1:])


def _parameters(call: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """By name, the number of images first; none where Python cannot tell."""
    try:
        found = inspect.signature(call).parameters
    except (TypeError, ValueError):  # of some functions written in C
        return {}
    first = next(iter(found.values()), None)
    if first is None or first.kind is not first.KEYWORD_ONLY:
        return found
    return {"": first, **found}  # nothing is taken by place, and the call will say so


def _generator(parameter: inspect.Parameter, rng: Generator) -> Any:
    """torch's, or numpy's where the annotation says so."""
    wanted = str(parameter.annotation)
    if "numpy" in wanted or "np." in wanted:
        return np.random.default_rng(rng.initial_seed())
    return rng


def guarded(call: Callable[..., Any], name: str, hint: str = "") -> Callable[..., Any]:
    """*call*, whose errors become one line: the kind, the message and the place.

    No room on the device is no such error: whoever asked tries a smaller batch.

    Args:
        name: what the call is known as, "decode".
        hint: the next step, where there is one.
    """

    def guard(*arguments: Any, **named: Any) -> Any:
        try:
            return call(*arguments, **named)
        except (GenbenchError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            raise ModelFailed(failure(name, error) + (f"; {hint}" if hint else "")) from error

    return guard


def failure(name: str, error: BaseException) -> str:
    """ "decode raised ValueError: what it says (my_model.py:12)"."""
    said = " ".join(str(error).split())
    said = said if len(said) <= LONGEST else f"{said[:LONGEST]} ..."
    kind = type(error).__name__
    return f"{name} raised {f'{kind}: {said}' if said else kind}{_place(error)}"


def _place(error: BaseException) -> str:
    """The last line outside of libraries, " (my_model.py:12)", where the error came by one."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__)[1:] if _own(frame)]
    return f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""


def _own(frame: traceback.FrameSummary) -> bool:
    file = Path(frame.filename)
    return file.is_file() and not any(file.is_relative_to(place) for place in LIBRARIES)
