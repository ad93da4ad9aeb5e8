"""FID against the number of images, and what it tends to for infinitely many.

Paper: M. J. Chong, D. Forsyth, "Effectively Unbiased FID and Inception Score and Where to
    Find Them", CVPR 2020, arXiv:1911.07023, figure 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from genbench import registry
from genbench.errors import BadSetting, GenbenchError, NotMeasurable
from genbench.evaluation.measure import evidence_of
from genbench.evaluation.plan import Plan
from genbench.evaluation.scoring import arguments, check, describe
from genbench.figures.canvas import (
    COLOURS,
    COLUMN,
    LINES,
    MARKERS,
    SMALL,
    Drawing,
    Words,
    blank,
    text,
)
from genbench.interfaces import Curve
from genbench.tables.footnotes import SHORT, words


@dataclass(frozen=True)
class Extrapolation:
    """FID of one model at several numbers of images, and its limit."""

    name: str
    of: Curve  # the line meets 1 / n = 0 at its limit


def curve(found: Sequence[Extrapolation], title: str, source: str) -> Drawing:
    """Distances over 1 / n, the line fitted to them, and its end.

    Args:
        title: of the distance, "FID".
        source: the end of the caption: data, protocol, seed.
    """
    with blank(1.25 * COLUMN, COLUMN) as canvas:
        axes = canvas.add_subplot()
        for number, each in enumerate(found):
            colour = COLOURS[number % len(COLOURS)]
            marker = MARKERS[number % len(MARKERS)]
            x = [1 / n for n in each.of.images]
            slope = (sum(each.of.values) / len(x) - each.of.limit) / (sum(x) / len(x))
            axes.plot(
                x, each.of.values, marker, color=colour, markersize=4.5, label=text(each.name, 32)
            )
            axes.plot(
                [0, max(x)],
                [each.of.limit, each.of.limit + slope * max(x)],
                color=colour,
                linestyle=LINES[number % len(LINES)],
                linewidth=1,
            )
            axes.errorbar(
                0,
                each.of.limit,
                yerr=each.of.error,
                color=colour,
                marker=marker,
                markerfacecolor="white",
                markersize=5.5,
                capsize=2.5,
                linewidth=1,
                clip_on=False,
                zorder=3,
            )
        ticks = _ticks(found[0].of.images)
        axes.set_xticks([0, *(1 / n for n in ticks)], ["∞", *(f"{n:,}" for n in ticks)])
        axes.get_xticklabels()[0].set_fontsize(1.5 * SMALL)
        axes.set_xlabel("images on each side, n (spaced as 1/n)")
        axes.set_ylabel(text(f"{title} ↓"))
        axes.set_xlim(0, 1.03 / min(found[0].of.images))
        axes.grid(visible=True, axis="y", color="#dddddd", linewidth=0.4)
        axes.legend(frameon=True, framealpha=0.8, edgecolor="none")
        canvas.tight_layout()
    limits = ", ".join(f"{each.name} {each.of.limit:.2f} ± {each.of.error:.2f}" for each in found)
    caption = Words(
        f"{title} against the number of images",
        f"{title} of n real and n generated images (filled), the line a + b/n by least squares, "
        f"and its end at infinitely many (open): {limits}; ± is the standard error of the fit, "
        f"which another set of images exceeds. {source}",
        f"{title} falling with the number of images for {', '.join(e.name for e in found)}",
    )
    return Drawing(caption, canvas)


def check_metric(name: str) -> None:
    """Refuse a metric that declares no curve.

    Raises:
        UnknownName: there is no such metric.
        BadSetting: it has no curve, or is an unknown variant.
    """
    if registry.metric(name).curve is None:
        raise BadSetting(
            f"--metric {name} has no curve over the number of images; take fid_inf or one of its "
            "variants, fid_inf:64"
        )


def extrapolations(plan: Plan) -> tuple[list[Extrapolation], str, str]:
    """What `curve` draws: the models of a plan, title, end of the caption.

    Args:
        plan: its one metric has passed `check_metric`.

    Raises:
        GenbenchError: it cannot be measured; the message says of whom and why.
    """
    ((name, metric),) = plan.metrics.items()
    assert metric.curve is not None
    passes = plan.passes
    real = passes.real(plan.inputs)
    found = []
    for candidate in plan.candidates:
        own = evidence_of(plan, candidate)
        try:
            check(metric, own, passes, plan.missing)
            known = real | own.once | own.samples[0]
            of = metric.curve(**arguments(metric, known))
        except GenbenchError as error:
            raise NotMeasurable(f"{candidate.name} has no {name}: {error}") from error
        found.append(Extrapolation(candidate.name, of))
    title = next(iter(metric.columns.values())).title.replace("-inf", "")
    protocol = describe(name, metric, passes)
    head, counts, *_ = words(protocol)
    place = f"{protocol.dataset} at {protocol.resolution}×{protocol.resolution}"
    source = (
        f"{head[0].upper()}{head[1:]}; {counts}; data {place}, fingerprint "
        f"{protocol.fingerprint[:SHORT]}; seed {passes.how.seed}."
    )
    return found, title, source


def _ticks(images: Sequence[int]) -> list[int]:
    """Numbers far enough apart to be written below the axis of 1 / n."""
    widest = 1 / min(images)
    kept = [max(images)]
    for n in sorted(images, reverse=True)[1:-1]:
        if 1 / n - 1 / kept[-1] > 0.15 * widest and widest - 1 / n > 0.15 * widest:
            kept.append(n)
    return [*kept, min(images)]
