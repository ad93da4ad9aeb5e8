"""Which metrics can be had of what is there, where nobody has asked for certain ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping

from genbench import registry
from genbench.evaluation import jackknife
from genbench.evaluation.plan import Plan
from genbench.interfaces import STREAMS, Metric, Stream

# It has seen drawings alone, so it stands in only where there is nothing else, for small images.
TOYNET, TOY_SIDE = "toynet", 64


def candidates(streams: Collection[Stream]) -> tuple[str, ...]:
    """Names of all metrics, variants among them, that look at these streams and no others."""
    declared: Mapping[str, Metric] = registry.declarations("metric")[0]
    return tuple(
        name
        for main, metric in declared.items()
        for name, each in _forms(main, metric)
        if {input_.stream for input_ in each.inputs.values()} <= set(streams)
        and any(STREAMS[input_.stream].generated for input_ in each.inputs.values())
    )


def narrowed(plan: Plan, resolution: int) -> tuple[Plan, list[str]]:
    """A plan of all `candidates` with those that can be had: of each metric one form.

    That is the metric itself, or the deepest of its variants. What it leaves out is returned.
    """
    able = {name: metric for name, metric in plan.metrics.items() if _can_be_had(name, plan)}
    if resolution > TOY_SIDE or any(_networks(each) - {TOYNET} for each in able.values()):
        able = {name: each for name, each in able.items() if TOYNET not in _networks(each)}
    chosen: dict[str, Metric] = {}
    for main in dict.fromkeys(name.partition(":")[0] for name in able):
        forms = [name for name in able if name.partition(":")[0] == main]
        best = main if main in forms else max(forms, key=_depth)
        chosen[best] = able[best]
    wanted = {input_ for metric in chosen.values() for input_ in metric.inputs.values()}
    wanted |= set(jackknife.inputs_for(wanted))
    inputs = [each for each in plan.inputs if each in wanted]
    left = [
        name
        for name in plan.metrics
        if ":" not in name and name not in chosen and TOYNET not in _networks(plan.metrics[name])
    ]
    return dataclasses.replace(plan, metrics=chosen, inputs=inputs), left


def _forms(name: str, metric: Metric) -> list[tuple[str, Metric]]:
    return [(name, metric), *((f"{name}:{each}", m) for each, m in metric.variants.items())]


def _can_be_had(name: str, plan: Plan) -> bool:
    inputs = plan.metrics[name].inputs.values()
    return name not in plan.refused and all(each in plan.inputs for each in inputs)


def _networks(metric: Metric) -> set[str]:
    looks = (each.statistic.features for each in metric.inputs.values())
    return {features[0] for features in looks if features is not None}


def _depth(name: str) -> int:
    """Of a variant by its layer; those that are called otherwise come after all layers."""
    variant = name.partition(":")[2]
    return int(variant) if variant.isdecimal() else -1
