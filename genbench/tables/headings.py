"""How the score of a metric is headed and printed."""

from __future__ import annotations

import dataclasses

from genbench import registry
from genbench.errors import BadSetting, UnknownName
from genbench.interfaces import Column


def column(metric: str, score: str) -> Column:
    """How a score is printed: as its metric says; plainly, and nobody best, if that is gone."""
    try:
        how = registry.metric(metric).columns[score]
        about = how.about or registry.plugin("metric", metric.partition(":")[0]).summary()
    except (UnknownName, BadSetting, KeyError):
        return Column(title=score, lower_is_better=None)
    return dataclasses.replace(how, about=about)
