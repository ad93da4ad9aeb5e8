"""Published against measured: a panel for each metric on each data set, a line for each system."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from genbench.figures.canvas import COLOURS, MARKERS, SMALL, WIDTH, Drawing, Words, blank, text
from genbench.published.measures import MEASURES
from genbench.reproduction.verdicts import Verdict
from genbench.tables.select import spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PUBLISHED, MEASURED = COLOURS[0], COLOURS[1]
LINE = 0.2  # inches a system takes
LEAST = 0.2  # width of a panel, as a share of the largest number in it


def chart(title: str, verdicts: Sequence[Verdict], smoke: str | None) -> Drawing | None:
    """The drawing, or None where no number has a scale that can be shown.

    Args:
        title: of the table.
        smoke: what makes this a smoke test, in words; it then stands in the title.
    """
    panels = _panels(verdicts)
    if not panels:
        return None
    heights = [LINE * len(panel) + 0.75 for panel in panels.values()]
    with blank(WIDTH, sum(heights) + 0.3) as canvas:
        axes = canvas.subplots(len(panels), 1, squeeze=False, height_ratios=heights)
        for (name, panel), (ax,) in zip(panels.items(), axes, strict=True):
            _panel(ax, name, panel)
        axes[0][0].legend(
            frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 1), fontsize=SMALL
        )
        canvas.tight_layout()
    label = f"{title}: published and measured" + (f" ({smoke})" if smoke else "")
    there = sum(verdict.record is not None for panel in panels.values() for verdict in panel)
    caption = (
        f"{there} of {sum(map(len, panels.values()))} numbers were measured. Bars are the error "
        "bars of either side. Numbers whose scale the paper does not tell are left out."
    )
    if smoke:
        caption += f" This is a {smoke}: the two are not to be compared."
    shown = ", ".join(panels)
    return Drawing(Words(label, caption, f"published and measured numbers: {shown}"), canvas)


def _panels(verdicts: Sequence[Verdict]) -> dict[str, list[Verdict]]:
    found: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        printed = verdict.target.published
        if printed.value is None or printed.only_orders or verdict.target.metric is None:
            continue
        title = MEASURES[printed.metric].title
        if verdict.target.metric != verdict.target.score:
            title += f" ({verdict.target.metric})"
        found.setdefault(f"{title} on {printed.where}", []).append(verdict)
    return found


def _panel(ax: Axes, name: str, panel: Sequence[Verdict]) -> None:
    ax.set_title(text(name), loc="left")
    places = range(len(panel))
    ax.errorbar(
        [verdict.target.published.value or 0.0 for verdict in panel],
        places,
        xerr=[verdict.target.published.std or 0.0 for verdict in panel],
        fmt=MARKERS[0],
        mfc="white",
        color=PUBLISHED,
        markersize=4,
        label="published",
    )
    ours = [(i, v.record) for i, v in enumerate(panel) if v.record is not None]
    ax.errorbar(
        [record.value or 0.0 for _, record in ours],
        [i for i, _ in ours],
        xerr=[spread(record) or 0.0 for _, record in ours],
        fmt=MARKERS[1],
        color=MEASURED,
        markersize=3.5,
        label="measured",
    )
    ax.set_yticks(list(places), [text(verdict.target.published.system, 40) for verdict in panel])
    ax.set_ylim(len(panel) - 0.5, -0.5)
    low, high = ax.get_xlim()
    least = LEAST * max(abs(low), abs(high))
    if high - low < least:  # a single number with its error bar would fill the panel
        ax.set_xlim((low + high - least) / 2, (low + high + least) / 2)
    ax.grid(axis="x", linewidth=0.3)
