"""Training dynamics: what a run logged over the images it has seen, its phases shaded.

As in: A. Heljakka et al., WACV 2020, figure 3 (both KL terms of a growing autoencoder); H. Huang
    et al., "IntroVAE", NeurIPS 2018, figure 5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from genbench.errors import BadSetting, UnknownName, nearest
from genbench.figures.canvas import (
    COLOURS,
    COLUMN,
    LINES,
    SMALL,
    WIDTH,
    Drawing,
    Words,
    blank,
    text,
)
from genbench.figures.events import ABOUT, Phase, Series, phases, scalars
from genbench.runs import Run

HEIGHT = 1.35  # inches of a panel
MANY = 200  # events from which a running mean is drawn over them
SMOOTH = 50  # events that the mean runs over, of so many parts of all
MOST = 4  # runs beside each other
ERRORS = ("l1", "l2", "lap1", "error", "fit", "recon", "mse", "mae", "distance")
Panel = tuple[str, tuple[str, ...]]  # label, scalars


def training_curves(runs: Sequence[Run], wanted: Sequence[str] = ()) -> Drawing:
    """A column of panels for each run, with common scales.

    Args:
        runs: one to four.
        wanted: panels, each a scalar or several joined by "+"; by default the KL terms, the
            errors of reconstruction and the metrics taken in training, or what there is where
            a run has none of them.

    Raises:
        UnknownName: a scalar that no run has logged.
        NotEnoughData: a run has logged nothing.
    """
    if not 1 <= len(runs) <= MOST:
        raise BadSetting(f"training is drawn of 1 to {MOST} runs, got {len(runs)}")
    logged = [scalars(run) for run in runs]
    names = list(dict.fromkeys(name for each in logged for name in each))
    panels = [_panel(each, names) for each in wanted] or default_panels(names)
    width = COLUMN * 1.35 if len(runs) == 1 else WIDTH
    with blank(width, 0.45 + HEIGHT * len(panels)) as canvas:
        alike = len({run.model for run in runs}) == 1  # other models log on other scales
        grid: Any = canvas.subplots(
            len(panels), len(runs), sharex="col", sharey="row" if alike else False, squeeze=False
        )
        for column, (run, series) in enumerate(zip(runs, logged, strict=True)):
            unit, word = _unit(max(max(s.seen) for s in series.values()))
            shaded = phases(series)
            for axes, (label, members) in zip(grid[:, column], panels, strict=True):
                _shade(axes, shaded, unit)
                _lines(axes, {m: series[m] for m in members if m in series}, unit, members)
                if column == 0:
                    axes.set_ylabel(text(label))
            _names_of(grid[0, column], shaded, unit)
            if len(runs) > 1:
                grid[0, column].set_title(text(run.name, 32), pad=14 if len(shaded) > 1 else 4)
            grid[-1, column].set_xlabel(f"images seen{word}")
        for row, (_, members) in zip(grid, panels, strict=True):
            if len(members) > 1:
                _legend(row)
        canvas.align_ylabels()
        canvas.tight_layout()
    return Drawing(_words(runs, logged, panels), canvas)


def default_panels(names: Sequence[str]) -> list[Panel]:
    """Which scalars stand together where nobody has asked for any."""
    taken = [name for name in names if ":" in name]  # metrics, `train --evaluate`: own scales
    own = [name for name in names if name not in ABOUT and name not in taken]
    kl = tuple(name for name in own if name.lower().split("_")[0] == "kl")
    error = tuple(
        name
        for name in own
        if name not in kl and "loss" not in name and any(e in name.lower() for e in ERRORS)
    )
    groups = (("KL terms", kl), ("reconstruction error", error))
    found = [(_label(label, members), members) for label, members in groups if members]
    found = found or [(_plain(name), (name,)) for name in own[:3]]
    return found + [(_plain(name), (name,)) for name in taken]


def _panel(wanted: str, names: Sequence[str]) -> Panel:
    members = tuple(part.strip() for part in wanted.split("+"))
    for name in members:
        if name not in names:
            raise UnknownName(
                f"no scalar {name!r} was logged.{nearest(name, names)} Known: {', '.join(names)}"
            )
    return _plain(members[0]) if len(members) == 1 else "as logged", members


def _label(label: str, members: Sequence[str]) -> str:
    return _plain(members[0]) if len(members) == 1 else label


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _unit(most: int) -> tuple[float, str]:
    if most >= 2_000_000:
        return 1e6, " (millions)"
    return (1e3, " (thousands)") if most >= 5_000 else (1.0, "")


def _shade(axes: Any, shaded: Sequence[Phase], unit: float) -> None:
    """Every other phase grey, and the fade at the beginning of each hatched."""
    if len(shaded) < 2:
        return
    for number, phase in enumerate(shaded):
        start, faded, stop = (x / unit for x in (phase.start, phase.faded, phase.stop))
        if number % 2:
            axes.axvspan(start, stop, color="#000000", alpha=0.06, linewidth=0, zorder=0)
        if faded > start:
            axes.axvspan(
                start,
                faded,
                facecolor="none",
                edgecolor="#c4c4c4",
                hatch="////",
                linewidth=0,
                zorder=0,
            )


def _names_of(axes: Any, shaded: Sequence[Phase], unit: float) -> None:
    """The resolution of each phase, above the top panel."""
    if len(shaded) < 2:
        return
    whole = shaded[-1].stop
    for phase in shaded:
        if phase.stop - phase.start > 0.1 * whole:
            middle, name = (phase.start + phase.stop) / 2 / unit, f"{phase.resolution}×"
            axes.text(
                middle,
                1.02,
                f"{name}{phase.resolution}",
                fontsize=SMALL,
                color="#555555",
                transform=axes.get_xaxis_transform(),
                ha="center",
                va="bottom",
            )


def _lines(axes: Any, series: Mapping[str, Series], unit: float, members: Sequence[str]) -> None:
    for name, each in series.items():
        number = members.index(name)
        colour, line = COLOURS[number % len(COLOURS)], LINES[number % len(LINES)]
        x = [step / unit for step in each.seen]
        mark = "." if len(x) < 30 else None
        smooth = running_mean(each.values)
        if len(x) >= MANY:
            axes.plot(x, each.values, color=colour, alpha=0.25, linewidth=0.5)
        axes.plot(
            x,
            smooth if len(x) >= MANY else each.values,
            color=colour,
            linestyle=line,
            linewidth=1.2,
            marker=mark,
            markersize=4,
            label=text(_plain(name)),
        )
    if series:
        axes.set_xlim(0, max(each.seen[-1] for each in series.values()) / unit * 1.01)
    axes.grid(visible=True, axis="y", color="#dddddd", linewidth=0.4)


def _legend(row: Sequence[Any]) -> None:
    """One legend for a row of panels: inside a single one, else to the right of them."""
    named: dict[str, Any] = {}
    for axes in row:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    beside: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.05)}
    row[-1].legend(
        named.values(),
        named.keys(),
        frameon=True,
        framealpha=0.8,
        edgecolor="none",
        handlelength=2.4,
        borderpad=0.2,
        **(beside if len(row) > 1 else {}),
    )


def running_mean(values: Sequence[float]) -> list[float]:
    """Mean of the values about each, over a window of a fiftieth of all, cut off at the ends."""
    reach = len(values) // SMOOTH // 2
    sums = [0.0]
    for value in values:
        sums.append(sums[-1] + value)
    ends = [(max(0, i - reach), min(len(values), i + reach + 1)) for i in range(len(values))]
    return [(sums[stop] - sums[start]) / (stop - start) for start, stop in ends]


def _words(
    runs: Sequence[Run], logged: Sequence[Mapping[str, Series]], panels: Sequence[Panel]
) -> Words:
    shown = ", ".join(_plain(name) for _, members in panels for name in members)
    about = " ".join(
        f"Run {run.name} ({run.id}, model {run.model}, {run.facts['dataset']} at "
        f"{run.resolution}×{run.resolution}, seed {run.value('training', 'seed')})."
        for run in runs
    )
    many = any(len(s.seen) >= MANY for each in logged for s in each.values())
    smooth = (
        f" Pale: as logged; strong: running mean over 1/{SMOOTH} of all events." if many else ""
    )
    grows = any(len(phases(each)) > 1 for each in logged)
    bands = (
        " Shades part the phases, named above by their resolution; hatched: the fade of new layers."
        if grows
        else ""
    )
    return Words(
        f"Training of {', '.join(run.name for run in runs)}",
        f"{shown}, as the models log them, over the training images seen.{bands}{smooth} {about}",
        f"curves of {shown} over the images seen in training",
    )
