"""In which order people look for metrics: the columns of a table, from left to right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

# What a reader asks first: how good samples are, how good reconstructions look, how close they
# are. Of the metrics that answer a question the first one that a table has stands for all.
SAMPLES = ("fid", "fd_toynet", "fd_dinov2", "fd_clip", "kid", "kd_toynet", "swd")
HEADLINES = (SAMPLES, ("lpips",), ("rmse",), ("psnr",))
# By name, without variants. A plug-in that is not named here comes last.
FAME = (
    "fid",
    "fd_toynet",
    "lpips",
    "rmse",
    "psnr",
    "ssim",
    "kid",
    "kd_toynet",
    "precision_recall",
    "precision_recall_toynet",
    "inception_score",
    "ppl",
    "path_length_toynet",
    "swd",
    "ms_ssim",
    "rfid",
    "identity",
    "fd_dinov2",
    "fd_clip",
    "fid_inf",
    "neighbours",
)


def rank(metric: str) -> tuple[int, bool]:
    """What metrics are sorted by: "fid", then "fid:768", then those that are less known."""
    name, _, variant = metric.partition(":")
    return FAME.index(name) if name in FAME else len(FAME), bool(variant)


def headlines(metrics: Mapping[str, str]) -> tuple[str, ...]:
    """The scores that answer the first questions, at most one for each, in their order.

    All scores, where there are no more than questions; the first few, where none is an answer.

    Args:
        metrics: score that was measured -> its metric, in the order of `rank`.
    """
    answers = (_first(group, metrics) for group in HEADLINES)
    found = [score for score in answers if score is not None]
    rest = [score for score in metrics if score not in found]
    if len(metrics) <= len(HEADLINES):
        return (*found, *rest)
    return tuple(found or rest[: len(HEADLINES)])


def _first(group: Iterable[str], metrics: Mapping[str, str]) -> str | None:
    for wanted in group:
        for score, metric in metrics.items():
            if metric.partition(":")[0] == wanted:
                return score
    return None
