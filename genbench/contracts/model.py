"""What every model of the registry promises, as checks to pass before anyone trusts it."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError, fields, is_dataclass
from typing import Any

import torch
from torch import Tensor

from genbench.contracts.engine import trains_resumes_and_is_measured
from genbench.contracts.outcome import ContractBroken
from genbench.contracts.small_model import RESOLUTION, ROWS, as_built, batch, built, fresh
from genbench.errors import GenbenchError
from genbench.interfaces import (
    Adopts,
    Averages,
    Continues,
    Decodes,
    Draws,
    Encodes,
    Generates,
    Interpolates,
    Learns,
    Model,
)
from genbench.runtime import devices, seeds
from genbench.settings import preset_layer, resolve

SET_BY_ENGINE = ("seen",)  # before anything is asked of the model


def check_model(name: str, declared: Model[Any]) -> dict[str, str]:
    """Run every check on a model; what passes them all trains.

    Returns:
        check -> "" where the promise is kept, else what went wrong. A model that lacks what the
        engine calls is not looked at any further.
    """
    outcome: dict[str, str] = {}
    for title, check in CHECKS.items():
        try:
            check(name, declared)
            outcome[title] = ""
        except ContractBroken as error:
            outcome[title] = str(error)
            if check is _has_every_member:
                break
    return outcome


def _settings_are_frozen(name: str, declared: Model[Any]) -> None:
    if not is_dataclass(declared.settings):
        raise ContractBroken(f"the settings of {name} are no dataclass")
    settings = declared.settings()
    field = fields(settings)[0].name
    try:
        setattr(settings, field, None)
    except FrozenInstanceError:
        return
    raise ContractBroken(f"the settings of {name} can be changed once made; freeze the dataclass")


def _presets_fit(name: str, declared: Model[Any]) -> None:
    for preset in declared.presets:
        try:
            resolve(declared.settings, [preset_layer(declared, preset, name)], name)
        except GenbenchError as error:
            raise ContractBroken(str(error)) from error
    if "tiny" not in declared.presets:
        raise ContractBroken(f"{name} has no preset tiny, so nobody can try it on a CPU")


def _has_every_member(name: str, declared: Model[Any]) -> None:
    """All that `Learns` lists, and whole capabilities: half of one would be passed over."""
    model = as_built(name, declared)
    if not isinstance(model, torch.nn.Module):
        raise ContractBroken(f"{name} builds a {type(model).__name__}, no torch.nn.Module")
    lacking = [each for each in members(Learns) if not hasattr(model, each)]
    if lacking:
        raise ContractBroken(f"{name} has no {', '.join(lacking)}; see genbench.interfaces.Learns")
    for capability in (Averages, Decodes, Encodes):
        names = members(capability)
        there = [each for each in names if hasattr(model, each)]
        if there and len(there) < len(names):
            lost = ", ".join(each for each in names if each not in there)
            raise ContractBroken(f"{name} has {', '.join(there)} but no {lost}")


def members(promise: type) -> list[str]:
    """Names of everything that a protocol of `genbench.interfaces` lists."""
    methods = [each for each, value in vars(promise).items() if inspect.isfunction(value)]
    own = [each for each in methods if not each.startswith("_")]
    return [*own, *(each for each in promise.__annotations__ if each not in SET_BY_ENGINE)]


def _declaration_fits_the_model(name: str, declared: Model[Any]) -> None:
    model = built(name, declared)
    for said, able, what in (
        (declared.starts_from, isinstance(model, Continues), "starts_from, start_from"),
        (declared.adopts, isinstance(model, Adopts), "adopts, adopt"),
    ):
        if able != (said is not None):
            raise ContractBroken(f"{name} has one of {what}; it wants both or none")
    known = {field.name for field in fields(declared.settings)}
    if lost := [each for each in declared.image_counts if each not in known]:
        raise ContractBroken(f"{name} declares image_counts {lost[0]!r}, which is no setting")
    assert isinstance(model, torch.nn.Module)
    networks = dict(model.named_children())
    if lost := [each for each in declared.eager if each not in networks]:
        raise ContractBroken(f"{name} declares {lost[0]!r} eager, which is no network of it")


def _samples_have_the_shape(name: str, declared: Model[Any]) -> None:
    model = fresh(name, declared).eval()
    images = model.sample(5, seeds.generator(0, "s"))
    _expect(images, (5, 3, RESOLUTION, RESOLUTION), f"{name}.sample(5)")


def _samples_depend_on_the_seed_alone(name: str, declared: Model[Any]) -> None:
    model = fresh(name, declared).eval()
    if not isinstance(model, Generates):
        return
    first = model.sample(4, seeds.generator(1, "s"))
    torch.manual_seed(99)
    if not torch.equal(first, model.sample(4, seeds.generator(1, "s"))):
        raise ContractBroken(f"{name}.sample gives other images for the same generator")
    again = fresh(name, declared).eval().sample(4, seeds.generator(1, "s"))
    if not torch.equal(first, again):
        raise ContractBroken(f"{name} is built with other weights from the same seed")


def _sample_is_decode_of_draw(name: str, declared: Model[Any]) -> None:
    model = _trained(name, declared).eval()
    if isinstance(model, Draws) and isinstance(model, Decodes) and isinstance(model, Generates):
        decoded = model.decode(model.draw(4, seeds.generator(1, "s")))
        _close(
            decoded, model.sample(4, seeds.generator(1, "s")), f"{name}: decode(draw) and sample"
        )


def _any_split_gives_the_same(name: str, declared: Model[Any]) -> None:
    model = _trained(name, declared).eval()
    if not isinstance(model, Encodes) or not isinstance(model, Decodes):
        return
    images = batch(3).images
    whole = model.encode(images)
    if whole.ndim != 2 or len(whole) != ROWS:
        raise ContractBroken(f"{name}.encode gives {tuple(whole.shape)}, wanted ({ROWS}, d)")
    _close(
        torch.cat([model.encode(part) for part in torch.split(images, 5)]), whole, f"{name}.encode"
    )
    decoded = model.decode(whole)
    _expect(decoded, (ROWS, 3, RESOLUTION, RESOLUTION), f"{name}.decode")
    _close(
        torch.cat([model.decode(part) for part in torch.split(whole, 7)]), decoded, f"{name}.decode"
    )


def _ends_of_the_way_are_the_ends(name: str, declared: Model[Any]) -> None:
    model = _trained(name, declared).eval()
    if not isinstance(model, Interpolates) or not isinstance(model, Draws):
        return
    a, b = model.draw(3, seeds.generator(1, "a")), model.draw(3, seeds.generator(1, "b"))
    _close(model.interpolate(a, b, 0.0), a, f"{name}.interpolate at 0")
    _close(model.interpolate(a, b, 1.0), b, f"{name}.interpolate at 1")


def _state_round_trip(name: str, declared: Model[Any]) -> None:
    """A model that took a checkpoint takes the very same next step."""
    one = _trained(name, declared)
    two = built(name, declared, seed=7)
    two.load_state_dict({k: v.clone() for k, v in one.state_dict().items()})
    for key, optimizer in two.optimizers().items():
        # A copy: torch hands the very tensors over, and both models would update them.
        optimizer.load_state_dict(copy.deepcopy(one.optimizers()[key].state_dict()))
    two.seen = one.seen
    for model in (one, two):
        model.train()
        model.step(batch(5), seeds.generator(5, "step"))
    left, right = one.state_dict(), two.state_dict()
    for key, value in left.items():
        if not torch.equal(value, right[key]):
            raise ContractBroken(f"{name}: {key} differs one step after the state was restored")


def _step_reports_finite_scalars(name: str, declared: Model[Any]) -> None:
    model = fresh(name, declared)
    model.train()
    for key, value in model.step(batch(), seeds.generator(0, "step")).items():
        if value.ndim != 0 or value.requires_grad or not bool(torch.isfinite(value)):
            raise ContractBroken(f"{name}.step reports {key} = {value}, not a finite plain scalar")


def _a_step_changes_weights(name: str, declared: Model[Any]) -> None:
    model = fresh(name, declared)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    model.train()
    model.step(batch(), seeds.generator(0, "step"))
    if all(torch.equal(value, before[key]) for key, value in model.state_dict().items()):
        raise ContractBroken(f"{name}.step changed nothing, so the model does not learn")


def _use_changes_nothing(name: str, declared: Model[Any]) -> None:
    model = _trained(name, declared).eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    model.sample(3, seeds.generator(1, "s"))
    if isinstance(model, Encodes) and isinstance(model, Decodes):
        model.decode(model.encode(batch(3).images))
    changed = [k for k, value in model.state_dict().items() if not torch.equal(value, before[k])]
    if changed:
        raise ContractBroken(f"{name}: {changed[0]} changed while the model was only used")


def _works_under_autocast(name: str, declared: Model[Any]) -> None:
    model = fresh(name, declared)
    model.train()
    with devices.bfloat16(torch.device("cpu")):
        scalars = model.step(batch(), seeds.generator(0, "step"))
    bad = [key for key, value in scalars.items() if not bool(torch.isfinite(value))]
    if bad:
        raise ContractBroken(f"{name}.step reports {bad[0]} = {scalars[bad[0]]} under autocast")


def _training_images_are_left_alone(name: str, declared: Model[Any]) -> None:
    model = fresh(name, declared)
    model.train()
    given = batch()
    before = given.images.clone()
    model.step(given, seeds.generator(0, "step"))
    if not torch.equal(given.images, before):
        raise ContractBroken(f"{name}.step changed the images it was given")


def _stage_is_a_function_of_seen(name: str, declared: Model[Any]) -> None:
    model = fresh(name, declared)
    total = model.total(1000)
    for seen in (0, 1, total // 3, total // 2, total):
        stage = model.stage(seen)
        if stage != model.stage(seen) or stage.batch < 1 or not 0 <= stage.alpha <= 1:
            raise ContractBroken(f"{name}.stage({seen}) is {stage}")
        if stage.resolution > RESOLUTION:
            raise ContractBroken(
                f"{name}.stage({seen}) works above the resolution it was built for"
            )


def _trained(name: str, declared: Model[Any]) -> Learns:
    """A model after one step."""
    model = fresh(name, declared)
    model.train()
    model.step(batch(), seeds.generator(0, "step"))
    if isinstance(model, torch.nn.Module):
        model.zero_grad(set_to_none=True)
    return model


def _expect(images: Tensor, shape: tuple[int, ...], who: str) -> None:
    if tuple(images.shape) != shape or images.dtype != torch.float32:
        found = f"{tuple(images.shape)} of {images.dtype}"
        raise ContractBroken(f"{who} gives {found}, wanted {shape} of torch.float32")


def _close(a: Tensor, b: Tensor, who: str) -> None:
    # Kernels for other batch sizes add in another order: 1e-4 is a hundred times that.
    a, b = a.detach(), b.detach()
    worst = float((a - b).abs().max())
    if worst > 1e-4 * max(1.0, float(b.abs().max())):
        raise ContractBroken(
            f"{who}: values differ by {worst:.2g} between two ways to the same thing"
        )


CHECKS: Mapping[str, Callable[[str, Any], None]] = {
    "settings are frozen": _settings_are_frozen,
    "presets fit the settings": _presets_fit,
    "every member is there": _has_every_member,
    "the declaration fits the model": _declaration_fits_the_model,
    "samples have the shape of images": _samples_have_the_shape,
    "samples depend on the seed alone": _samples_depend_on_the_seed_alone,
    "sample is decode of draw": _sample_is_decode_of_draw,
    "any split of a batch gives the same": _any_split_gives_the_same,
    "the ends of an interpolation are its ends": _ends_of_the_way_are_the_ends,
    "state survives a round trip": _state_round_trip,
    "a step reports finite scalars": _step_reports_finite_scalars,
    "a step changes weights": _a_step_changes_weights,
    "use changes nothing": _use_changes_nothing,
    "a step is finite under autocast": _works_under_autocast,
    "a step leaves its images alone": _training_images_are_left_alone,
    "the stage is a function of images seen": _stage_is_a_function_of_seen,
    "it trains, resumes and is measured": trains_resumes_and_is_measured,
}
