"""Evaluation: which models, which metrics, one pass per stream, records with their recipe."""

from genbench.evaluation.api import default_data, evaluate, shared_resolution
from genbench.evaluation.candidates import Candidate, find_candidates
from genbench.evaluation.measure import carry_out
from genbench.evaluation.plan import Plan, find_metrics, make_plan
from genbench.evaluation.presets import PRESETS, parts, remarks
from genbench.evaluation.settings import Evaluation

__all__ = [
    "PRESETS",
    "Candidate",
    "Evaluation",
    "Plan",
    "carry_out",
    "default_data",
    "evaluate",
    "find_candidates",
    "find_metrics",
    "make_plan",
    "parts",
    "remarks",
    "shared_resolution",
]
