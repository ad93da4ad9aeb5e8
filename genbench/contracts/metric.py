"""What every metric of the registry promises, as checks to pass before anyone trusts it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from genbench import registry
from genbench.contracts.outcome import ContractBroken, NotChecked, Outcome, Verdict
from genbench.contracts.trial import MANY, Bad, Generated, Trial, Way
from genbench.errors import GenbenchError, NotEnoughData, NotMeasurable
from genbench.interfaces import STREAMS, Input, Maker, Measured, Metric, Stream

STRAIGHT = Way()
EXACT = 1e-9  # relative: float64 sums in another order
LOOSE = 1e-3  # relative: float32 products in another order, of numbers near 0
NEAR_ZERO = 1e-6
UNLIKELY = 902_731_550  # a seed that nobody has set before


def check_metric(metric: Metric, weights_dir: Path | None = None) -> list[Outcome]:
    """Run every check on a metric, without a network: see `genbench.contracts.trial`.

    Args:
        weights_dir: where the weights of statistics lie that bring a network of their own.
    """
    trial, refusal = _fitting(metric, weights_dir)
    return [
        _outcome(promise, check, trial, None if promise == DECLARED else refusal)
        for promise, check in CHECKS.items()
    ]


def _fitting(metric: Metric, weights_dir: Path | None) -> tuple[Trial, str | None]:
    """A trial with as many images as the metric wants, and why it refuses any."""
    trial = Trial(metric, weights_dir=weights_dir)
    try:
        if metric.check is not None:
            metric.check(trial.side)
        try:
            trial.numbers(STRAIGHT)
        except NotEnoughData:
            trial = Trial(metric, MANY, weights_dir)
            trial.numbers(STRAIGHT)
    except NotMeasurable as error:
        return trial, f"it cannot be tried on blurred noise: {error}"
    except Exception:  # noqa: BLE001  # every check says what it meets
        pass
    return trial, None


def _outcome(
    promise: str, check: Callable[[Trial], None], trial: Trial, refusal: str | None
) -> Outcome:
    if refusal is not None:
        return Outcome(promise, Verdict.NOT_CHECKED, refusal)
    try:
        check(trial)
    except NotChecked as reason:
        return Outcome(promise, Verdict.NOT_CHECKED, str(reason))
    except Exception as error:  # noqa: BLE001  # a stranger's function fails in any way
        kind = "" if isinstance(error, GenbenchError) else f"{type(error).__name__}: "
        return Outcome(promise, Verdict.BROKEN, f"{kind}{error}")
    return Outcome(promise, Verdict.KEPT)


def _is_declared(trial: Trial) -> None:
    """Everything that the engine reads before it looks at an image."""
    metric = trial.metric
    if not metric.columns or not metric.inputs:
        raise ContractBroken("it needs an input and a column at least")
    if "reference" in metric.inputs:
        raise ContractBroken("an input may not be called reference, which is the name of another")
    if metric.reference is not None and not metric.of_data(metric.inputs):
        raise ContractBroken("it has a reference, and no input of the data's own images")
    json.dumps(dict(metric.parameters))
    for name, input_ in metric.inputs.items():
        hash(input_)  # equal inputs of several metrics are kept once
        if json.dumps(input_.statistic.describe()) != json.dumps(input_.statistic.describe()):
            raise ContractBroken(f"the statistic of {name} describes itself in two ways")
        if (STREAMS[input_.stream].maker is Maker.WALKER) != (input_.step is not None):
            raise ContractBroken(f"{name}: an input of paths has a step, and no other has")
        _network_gives(name, input_)


def _network_gives(name: str, input_: Input) -> None:
    if input_.statistic.features is None:
        return
    network, layer = input_.statistic.features
    declared = registry.network(network)
    if layer not in declared.layers:
        raise ContractBroken(
            f"{name}: {network} has no layer {layer!r}; it gives {', '.join(declared.layers)}"
        )
    if not STREAMS[input_.stream].quantised and not declared.floats:
        raise ContractBroken(f"{name}: paths are floats, and {network} takes bytes alone")


def _numbers_are_finite(trial: Trial) -> None:
    for score, number in trial.numbers(STRAIGHT).items():
        told = [number.value, *_optional(number.spread), *(number.interval or ())]
        if not all(map(math.isfinite, told)):
            raise ContractBroken(f"{score} is {number} on images that are finite")


def _optional(number: float | None) -> list[float]:
    return [] if number is None else [number]


def _columns_are_given(trial: Trial) -> None:
    given, declared = set(trial.numbers(STRAIGHT)), trial.metric.columns
    if extra := sorted(given - set(declared)):
        raise ContractBroken(f"compute gives {', '.join(extra)}, which no column declares")
    lost = [name for name, column in declared.items() if not column.optional and name not in given]
    if lost:
        raise ContractBroken(
            f"compute does not give {', '.join(lost)}; a column that some images lack is optional"
        )
    if next(iter(declared)) not in given:
        raise ContractBroken(f"the first column, {next(iter(declared))}, is the main score")


def _bad_features_are_refused(trial: Trial) -> None:
    seen = [n for n, each in trial.metric.inputs.items() if each.statistic.features is not None]
    if not seen:
        raise NotChecked("it looks through no network, and pixels are always finite")
    for argument in seen:
        for value in (math.nan, math.inf):
            bad = Bad(argument, value)
            try:
                found = trial.numbers(Way(bad=bad))
            except GenbenchError as error:
                if str(bad.image) not in str(error):
                    raise ContractBroken(
                        f"{argument}: image {bad.image} has the feature {value}, and the message "
                        f"does not name it: {error}"
                    ) from None
            else:
                raise ContractBroken(
                    f"{argument}: image {bad.image} has the feature {value}, and the scores are "
                    f"{_values(found)}"
                )


def _shards_are_one_pass(trial: Trial) -> None:
    for shards in (2, 3):
        _same_evidence(trial, Way(shards=shards), f"merged from {shards} processes")


def _batches_do_not_matter(trial: Trial) -> None:
    for batch in (7, trial.n):
        _same_evidence(trial, Way(batch=batch), f"in batches of {batch}")


def _same_evidence(trial: Trial, way: Way, how: str) -> None:
    straight, other = trial.evidence(STRAIGHT), trial.evidence(way)
    to_the_bit = True
    for argument, tensors in straight.items():
        if tensors.keys() != other[argument].keys():
            raise ContractBroken(f"{argument}: other evidence {how}: {sorted(other[argument])}")
        for part, tensor in tensors.items():
            if not _near(tensor, other[argument][part]):
                raise ContractBroken(f"{argument}: {part} is another one {how}")
            to_the_bit &= torch.equal(tensor, other[argument][part])
    if not to_the_bit:  # else the numbers are the same, as another check sees to
        _same_numbers(trial, way, EXACT, how)


def _near(a: Tensor, b: Tensor) -> bool:
    """Equal to the last digits of float64; what is no float, to the last bit."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if not a.is_floating_point():
        return torch.equal(a, b)
    scale = float(a.nan_to_num().abs().max()) if a.numel() else 0.0
    return torch.allclose(a, b, rtol=1e-12, atol=1e-12 * scale, equal_nan=True)


def _same_numbers(trial: Trial, way: Way, tolerance: float, how: str) -> None:
    straight, other = trial.numbers(STRAIGHT), trial.numbers(way)
    for score, number in straight.items():
        found = other[score].value
        least = NEAR_ZERO if tolerance == LOOSE else 1e-12
        if not math.isclose(number.value, found, rel_tol=tolerance, abs_tol=least):
            raise ContractBroken(f"{score} is {number.value}, and {found} {how}")


def _same_evidence_same_number(trial: Trial) -> None:
    """Neither the clock nor the generators that all share, and nothing kept from before."""
    first = _values(trial.numbers(STRAIGHT))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(UNLIKELY)
        again = _values(trial.metric(**trial.copies(STRAIGHT)))
    if first != again:
        raise ContractBroken(
            f"the same evidence gives {first} and {again}; draw from a seeded generator"
        )


def _evidence_is_left_alone(trial: Trial) -> None:
    given, before = trial.copies(STRAIGHT), trial.copies(STRAIGHT)
    trial.metric(**given)
    for name, tensors in before.items():
        for part, tensor in tensors.items():
            if not torch.equal(tensor.nan_to_num(), given[name][part].nan_to_num()):
                raise ContractBroken(f"{name}: compute changed {part}, which others are given too")


def _order_does_not_matter(trial: Trial) -> None:
    if trial.metric.ordered:
        raise NotChecked("it says that the order of images matters")
    how = "with the images in another order; if that is meant, say ordered=True"
    _same_numbers(trial, Way(shuffled=True), LOOSE, how)


def _sides_may_change_places(trial: Trial) -> None:
    if not trial.metric.symmetric:
        raise NotChecked("it does not say that it is symmetric")
    _same_numbers(trial, Way(swapped=True), LOOSE, "when both sides change places")


def _better_is_better(trial: Trial) -> None:
    """Images of the real distribution beat noise, in the direction that each column declares."""
    directed = {n: c for n, c in trial.metric.columns.items() if c.lower_is_better is not None}
    streams = {input_.stream for input_ in trial.metric.inputs.values()}
    if not directed:
        raise NotChecked("no column says which way is better")
    if Stream.PAIRS not in streams and not _two_sided(streams):
        raise NotChecked("it compares with no real images")
    real = trial.numbers(Way(Generated.REAL))
    noise = trial.numbers(Way(Generated.NOISE))
    for score, column in directed.items():
        if score not in real or score not in noise:
            continue
        good, bad = real[score].value, noise[score].value
        if not (good < bad if column.lower_is_better else good > bad):
            way = "lower" if column.lower_is_better else "higher"
            raise ContractBroken(
                f"{score} is {good} for images of the real distribution and {bad} for noise, "
                f"and {way} is declared better"
            )


def _two_sided(streams: set[Stream]) -> bool:
    """Whether the data's own images stand beside those of a model."""
    real = any(not STREAMS[stream].generated for stream in streams)
    return real and bool(streams & {Stream.SAMPLES, Stream.RECONSTRUCTIONS})


def _curve_rises_in_images(trial: Trial) -> None:
    if trial.metric.curve is None:
        raise NotChecked("it has no curve over the number of images")
    curve = trial.metric.curve(**trial.evidence(STRAIGHT))
    images = list(curve.images)
    if images != sorted(set(images)) or len(images) != len(curve.values):
        raise ContractBroken(f"its curve has {len(curve.values)} values at {images} images")
    if not all(map(math.isfinite, (*curve.values, curve.limit, curve.error))):
        raise ContractBroken("its curve is not finite")


def _values(found: Mapping[str, Measured]) -> dict[str, float]:
    return {score: number.value for score, number in found.items()}


DECLARED = "inputs, columns and networks are declared"
CHECKS: Mapping[str, Callable[[Trial], None]] = {
    DECLARED: _is_declared,
    "numbers are finite on good images": _numbers_are_finite,
    "compute gives the declared columns": _columns_are_given,
    "features that are not finite are refused by the image": _bad_features_are_refused,
    "shards merged are one pass": _shards_are_one_pass,
    "any cut into batches gives the same": _batches_do_not_matter,
    "the same evidence gives the same number": _same_evidence_same_number,
    "compute leaves its evidence alone": _evidence_is_left_alone,
    "the order of images does not matter": _order_does_not_matter,
    "both sides may change places": _sides_may_change_places,
    "better is better": _better_is_better,
    "the curve rises in images": _curve_rises_in_images,
}
