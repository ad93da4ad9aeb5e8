"""FID against the number of images: the points that the metric of the extrapolation fits."""

from __future__ import annotations

from genbench import registry
from genbench.errors import BadSetting, GenbenchError, NotMeasurable
from genbench.evaluation import subjects
from genbench.evaluation.plan import Plan
from genbench.evaluation.scoring import arguments, check, describe
from genbench.figures.curve import Extrapolated
from genbench.footnotes import SHORT, words

METRIC = "fid_inf"


def check_metric(name: str) -> None:
    """Refuse a metric that is not an extrapolated FID.

    Raises:
        BadSetting: it is another, or unknown.
    """
    if name.partition(":")[0] != METRIC:
        raise BadSetting(
            f"--metric {name} has no curve over the number of images; take {METRIC} or one of its "
            f"variants, {METRIC}:64"
        )
    registry.metric(name)


def extrapolations(plan: Plan) -> tuple[list[Extrapolated], str, str]:
    """What `genbench.figures.curve.curve` draws: the models of a plan, title, end of the caption.

    Args:
        plan: its one metric is fid_inf or a variant.

    Raises:
        GenbenchError: it cannot be measured; the message says of whom and why.
    """
    (name, metric), room = next(iter(plan.metrics.items())), registry.room("metric", METRIC).open()
    passes = plan.passes
    real = passes.real(plan.looks)
    found = []
    for candidate in plan.candidates:
        subject = subjects.opened(candidate, passes.data, passes.device)
        gathered = passes.subject(candidate.name, subject, plan.looks, candidate.identity)
        try:
            check(metric, gathered, passes, plan.missing)
            sides = arguments(metric, real | gathered.once | gathered.samples[0])
            rows = sides["real"]["features"], sides["generated"]["features"]
            shares, distances = room.points(*rows)
        except GenbenchError as error:
            raise NotMeasurable(f"{candidate.name} has no {name}: {error}") from error
        limit, error_bar = room.intercept(1 / shares, distances)
        least = min(map(len, rows))
        images = [round(share * least) for share in shares.tolist()]
        found.append(Extrapolated(candidate.name, images, distances.tolist(), limit, error_bar))
    title = next(iter(metric.columns.values())).title.replace("-inf", "")
    protocol = describe(name, metric, passes)
    head, counts, *_ = words(protocol)
    place = f"{protocol.dataset} at {protocol.resolution}×{protocol.resolution}"
    source = (
        f"{head[0].upper()}{head[1:]}; {counts}; data {place}, fingerprint "
        f"{protocol.fingerprint[:SHORT]}; seed {passes.how.seed}."
    )
    return found, title, source
