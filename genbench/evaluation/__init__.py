"""Evaluation: which models, which metrics, one pass per stream, records with their recipe."""

from genbench.evaluation.request import Evaluation, evaluate, measure
from genbench.evaluation.subjects import Candidate, candidates

__all__ = ["Candidate", "Evaluation", "candidates", "evaluate", "measure"]
