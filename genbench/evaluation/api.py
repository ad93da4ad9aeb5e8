"""From what a user asked for to records: open, plan, measure, commit."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genbench.data import Dataset, open_dataset
from genbench.distributed import group
from genbench.errors import BadSetting
from genbench.evaluation import candidates
from genbench.evaluation.candidates import Candidate
from genbench.evaluation.measure import carry_out
from genbench.evaluation.plan import make_plan
from genbench.evaluation.settings import Evaluation
from genbench.results.store import Store
from genbench.runtime.devices import choose

if TYPE_CHECKING:
    import pandas as pd


def evaluate(
    models: Any,
    *,
    data: str | Dataset | None = None,
    metrics: Sequence[str],
    resolution: int | None = None,
    table: str | Path | None = None,
    runs_dir: str | Path = "runs",
    **options: Any,
) -> pd.DataFrame:
    """Measure models and return one row per number.

    Args:
        models: see `genbench.evaluation.candidates.candidates`: runs, objects with `sample`,
            `encode`, `decode`, folders of images; one, a list, a mapping by name, or "all".
        data: a data set, "celeba", "folder:PATH", or an open one; by default the one
            that the runs were trained on.
        metrics: names as on the command line: "fid", "fid:768", "rmse"; or ["all"].
        resolution: of the data set; needed where no run tells it.
        table: folder of the results table to commit to; None commits nothing.
        runs_dir: where names of runs are looked up.
        options: the other fields of `Evaluation`. Several devices need a script: it is
            started once for each of them, unless torchrun or SLURM has done so, every
            process returns the same, and the first one commits.

    Returns:
        A DataFrame with the fields of `Record`, and its id.

    Raises:
        GenbenchError: anything the caller can put right.
    """
    import pandas as pd  # half a second that the command line does not need

    how = Evaluation(metrics=tuple(metrics), **options)
    with group.together(how.devices, choose(how.device)) as device:
        with group.agreed():
            found = candidates.find_candidates(models, Path(runs_dir), how.checkpoint)
            if data is None:
                data = default_data(found)
            elif isinstance(data, str):
                data = open_dataset(data, resolution or shared_resolution(found))
            how = replace(how, device=str(device))
            plan = make_plan(found, data, how, strict=models == "all")
            if group.rank() == 0:
                sys.stderr.writelines(f"left out: {line}\n" for line in plan.left_out)
        records = carry_out(plan)
        with group.agreed():
            if group.rank() == 0 and table is not None:
                Store(table).append(records, "genbench.evaluate")
    return pd.DataFrame([{"id": record.id, **asdict(record)} for record in records])


def shared_resolution(found: Sequence[Candidate]) -> int:
    """The one resolution that the runs have.

    Raises:
        BadSetting: none or several.
    """
    known = sorted({c.resolution for c in found if c.resolution is not None})
    if len(known) != 1:
        raise BadSetting(
            "the resolution of the data is not known"
            + (f": the runs have {', '.join(map(str, known))}" if known else "")
            + "; give --resolution"
        )
    return known[0]


def default_data(found: Sequence[Candidate]) -> Dataset:
    """The data set that all runs were trained on.

    Raises:
        BadSetting: there is none, or more than one.
    """
    known = {c.fingerprint: c.data for c in found if c.data is not None}
    if not known:
        raise BadSetting("no run tells which data to use; give --data and --resolution")
    if len(known) > 1:
        names = ", ".join(c.name for c in found if c.data is not None)
        raise BadSetting(
            f"the runs were trained on {len(known)} data sets ({names}); "
            "give --data and --resolution"
        )
    return next(iter(known.values()))()
