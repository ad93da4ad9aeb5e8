"""Evaluation: which models, which metrics, one pass per stream, records with their recipe."""

from genbench.evaluation.plan import Plan, find_metrics, make_plan
from genbench.evaluation.presets import PRESETS, parts, remarks
from genbench.evaluation.request import default_data, evaluate, shared_resolution
from genbench.evaluation.settings import Evaluation
from genbench.evaluation.subjects import Candidate, candidates
from genbench.evaluation.work import carry_out

__all__ = [
    "PRESETS",
    "Candidate",
    "Evaluation",
    "Plan",
    "candidates",
    "carry_out",
    "default_data",
    "evaluate",
    "find_metrics",
    "make_plan",
    "parts",
    "remarks",
    "shared_resolution",
]
