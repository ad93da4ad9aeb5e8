"""From evidence to records: call the metric, put the error bar and the recipe beside the number."""

from __future__ import annotations

import dataclasses
import json
import math
import statistics
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch

from genbench.adapters.calls import failure
from genbench.errors import GenbenchError
from genbench.evaluation import evidence_cache, jackknife
from genbench.evaluation.collect import Evidence
from genbench.evaluation.passes import Passes, SubjectEvidence
from genbench.evaluation.references import References
from genbench.interfaces import (
    STREAMS,
    Extractor,
    Input,
    Json,
    Maker,
    Measured,
    Metric,
    Stream,
    Tensors,
)
from genbench.interfaces.streams import lead
from genbench.results.protocol import MODE, Protocol
from genbench.results.record import Record
from genbench.runs.best_weights import LATEST

NO_BAR = "no error bar"
ONE_SET = "one set of samples has none; measure five: --repeats 5"
SAME_ROWS = (
    "there is one set of held-out images, and drawing from it would repeat images, which "
    "biases a distance between sets"
)


def score(
    name: str,
    metric: Metric,
    references: References,
    evidence: SubjectEvidence,
    passes: Passes,
    missing: Mapping[str, str],
    common: Mapping[str, Any],
    checkpoint: str = LATEST,
) -> list[Record]:
    """The records of one metric for one subject: numbers, or the reason why there are none.

    Args:
        name: of the metric as it was asked for.
        references: evidence of the data's own images, shared by all subjects.
        evidence: what the subject's own passes brought.
        missing: feature networks that could not be had, with reasons.
        common: fields that all records of this subject share.
        checkpoint: the rule by which its weights were chosen.
    """
    try:
        measured = _measure(metric, references, evidence, passes, missing)
    except GenbenchError as error:
        return not_measured(name, metric, str(error), common)
    except Exception as error:  # noqa: BLE001  # a stranger's metric fails in any way
        sys.stderr.write("".join(traceback.format_exception(error)))
        return not_measured(name, metric, failure(f"the metric {name}", error), common)
    protocol = describe(name, metric, passes, checkpoint)
    more = {"networks": _files(metric, passes), "images": _images(metric, evidence)}
    provenance = common["provenance"] | {name: facts for name, facts in more.items() if facts}
    common = {**common, "provenance": provenance}
    size = passes.sizes[_main_stream(metric)]
    remarks = _remarks(metric, evidence)
    return [
        Record(metric=name, score=score, value=None, reason=_no_number(score, number), **common)
        if not math.isfinite(number.value)
        else Record(
            metric=name,
            score=score,
            value=number.value,
            spread=_finite(number.spread),
            spread_over=number.spread_over,
            n=number.n if number.n is not None else size,
            note=_note(number, metric, remarks),
            low=None if number.interval is None else _finite(number.interval[0]),
            high=None if number.interval is None else _finite(number.interval[1]),
            values=None if number.values is None else number.values.tolist(),
            protocol=protocol.canonical(),
            protocol_id=protocol.id,
            **common,
        )
        for score, number in measured.items()
    ]


def _finite(number: float | None) -> float | None:
    """*number* where it is one."""
    return number if number is not None and math.isfinite(number) else None


def _no_number(score: str, number: Measured) -> str:
    """Why there is no value: what is not finite must not stand in a table, or vanish from it."""
    why = f"{score} came out as {number.value}"
    return f"{why}; {number.note}" if number.note else f"{why}, on images that are finite"


def _remarks(metric: Metric, evidence: SubjectEvidence) -> list[str]:
    """What is to be said of the subject and of the images that *metric* takes."""
    found = [evidence.note] if evidence.note else []
    for part in (*evidence.samples, evidence.once):
        for input_ in metric.inputs.values():
            remark = part.remarks.get(input_.stream)
            if remark is not None and remark not in found:
                found.append(remark)
    return found


def _note(number: Measured, metric: Metric, remarks: Sequence[str]) -> str | None:
    """What is to be said of the number, and why it has no error bar, where it has none."""
    said = [*([number.note] if number.note else []), *remarks]
    if number.spread is None and not any(NO_BAR in other for other in said):
        said.append(f"{NO_BAR}: {ONE_SET if _sampled(metric) else SAME_ROWS}")
    return "; ".join(said) or None


def not_measured(name: str, metric: Metric, reason: str, common: Mapping[str, Any]) -> list[Record]:
    """One record says it: which further scores there would be depends on the images."""
    main = next(iter(metric.columns))
    return [Record(metric=name, score=main, value=None, reason=reason, **common)]


def describe(name: str, metric: Metric, passes: Passes, checkpoint: str = LATEST) -> Protocol:
    """The protocol of a metric under these passes."""
    streams = [input_.stream for input_ in metric.inputs.values()]
    quantised = all(STREAMS[each].quantised for each in streams)
    return Protocol(
        metric=name,
        version=metric.version,
        parameters=metric.parameters,
        inputs=_inputs(metric, passes),
        # None of a reference of which nobody says how many images it was made of.
        images={each.value: passes.sizes[each] for each in streams if passes.sizes[each]},
        splits={} if passes.data.undivided else _splits(streams),
        dataset=passes.data.name,
        fingerprint=passes.data.fingerprint,
        recipe=passes.data.recipe.describe(),
        resolution=passes.data.resolution,
        quantise=passes.how.quantise if quantised else "none",
        repeats=passes.how.repeats if _sampled(metric) else 1,
        checkpoint=checkpoint,
        posterior=passes.how.posterior if _reconstructed(metric) else MODE,
        precision="float32-compiled" if passes.how.compile else "float32",
    )


def _splits(streams: Iterable[Stream]) -> dict[str, str]:
    """Stream -> the split of the data that its images are of."""
    return {each.value: split for each in streams if (split := STREAMS[each].split)}


def _inputs(metric: Metric, passes: Passes) -> dict[str, Json]:
    """What each stream is looked at for.

    The keys are streams, never the names of arguments; where a metric has several inputs of one
    stream these are numbered, "pairs/1", in the order of their own codes.
    """
    found: dict[str, list[dict[str, Json]]] = {}
    for input_ in metric.inputs.values():
        codes = evidence_cache.describe(input_, _network(input_, passes))
        if passes.given is not None and passes.given.network and input_ in passes.given.found:
            codes["network"] = dict(passes.given.network)
        found.setdefault(codes.pop("stream"), []).append(codes)
    keyed: dict[str, Json] = {}
    for stream, several in found.items():
        ordered = sorted(several, key=lambda codes: json.dumps(codes, sort_keys=True))
        for number, codes in enumerate(ordered, 1):
            keyed[stream if len(ordered) == 1 else f"{stream}/{number}"] = codes
    return keyed


def _network(input_: Input, passes: Passes) -> Extractor | None:
    features = input_.statistic.features
    return None if features is None else passes.networks[features[0]]


def _files(metric: Metric, passes: Passes) -> dict[str, Json]:
    """Network -> the files of its weights, for the provenance."""
    networks = (_network(input_, passes) for input_ in metric.inputs.values())
    return {network.name: dict(network.files) for network in networks if network is not None}


def _images(metric: Metric, evidence: SubjectEvidence) -> dict[str, Json]:
    """Stream -> digests of the images that *metric* has seen of it, for the provenance."""
    streams = dict.fromkeys(lead(each.stream) for each in metric.inputs.values())
    return {
        stream.value: " ".join(evidence.images[stream])
        for stream in streams
        if stream in evidence.images
    }


def _measure(
    metric: Metric,
    references: References,
    evidence: SubjectEvidence,
    passes: Passes,
    missing: Mapping[str, str],
) -> dict[str, Measured]:
    """Call the metric once, or once for each set of samples."""
    check(metric, evidence, passes, missing)
    known, shared = references.real | evidence.once, references.of(metric)
    bars = passes.how.jackknife
    if not _sampled(metric):
        found = dict(metric.compute(**arguments(metric, known), **shared))
        if bars:
            found = jackknife.with_errors(metric, found, known, shared)
        paired = any(STREAMS[each.stream].paired for each in metric.inputs.values())
        return found if paired else _without_values(found)
    each = [
        metric.compute(**arguments(metric, known | samples), **shared)
        for samples in evidence.samples
    ]
    if len(each) == 1:
        alone = each[0]
        if bars:
            alone = jackknife.with_errors(metric, alone, known | evidence.samples[0], shared)
        return _without_values(alone)
    return {score: _over_repeats([one[score] for one in each]) for score in each[0]}


def _without_values(found: Mapping[str, Measured]) -> dict[str, Measured]:
    """Rows of samples and of paths are other images for each model, and pair with nothing."""
    return {score: dataclasses.replace(number, values=None) for score, number in found.items()}


def _over_repeats(numbers: Sequence[Measured]) -> Measured:
    """Mean over independent sets of samples, and their standard deviation (ddof 1).

    Every model has sets of the same seeds against the same reference, so these are pairs.
    """
    values = [number.value for number in numbers]
    return Measured(
        statistics.fmean(values),
        statistics.stdev(values),
        f"std over {len(values)} sampling batches",
        numbers[0].n,
        next((number.note for number in numbers if number.note), None),
        values=torch.tensor(values, dtype=torch.float64),
    )


def check(
    metric: Metric, evidence: SubjectEvidence, passes: Passes, missing: Mapping[str, str]
) -> None:
    """Raise the reason, if there is one, why this subject cannot have this metric."""
    for input_ in metric.inputs.values():
        if input_.stream in evidence.missing:
            raise GenbenchError(evidence.missing[input_.stream])
        if input_.statistic.features is None:
            continue
        network, layer = input_.statistic.features
        if network in missing:
            raise GenbenchError(missing[network])
        if layer not in passes.networks[network].layers:
            files = ", ".join(passes.networks[network].files)
            raise GenbenchError(
                f"layer {layer} of {network} is not in {files or 'the weights'}, "
                f"which gives {', '.join(passes.networks[network].layers)}; "
                "for the whole network add --download"
            )


def arguments(metric: Metric, known: Evidence) -> dict[str, Tensors]:
    """What the function of a metric takes, from all that is known."""
    return {name: known.of(input_) for name, input_ in metric.inputs.items()}


def _sampled(metric: Metric) -> bool:
    """Whether it is computed anew for every set of samples."""
    return any(STREAMS[each.stream].maker is Maker.SAMPLER for each in metric.inputs.values())


def _reconstructed(metric: Metric) -> bool:
    return any(STREAMS[each.stream].maker is Maker.RECONSTRUCTOR for each in metric.inputs.values())


def _main_stream(metric: Metric) -> Stream:
    """The stream whose size a reader takes for the n of the number."""
    streams = [each.stream for each in metric.inputs.values()]
    return next((stream for stream in streams if STREAMS[stream].generated), streams[0])
