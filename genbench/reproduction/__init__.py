"""Reproduction of the papers' tables: what it takes, what is there, how close it came."""

from genbench.reproduction.jobs import How, hours, jobs_of, needs
from genbench.reproduction.papers import PAPERS, paper, targets
from genbench.reproduction.run import Interrupted, carry_out_all
from genbench.reproduction.verdicts import HEADS, Verdict, in_all, judge, lines, text

__all__ = [
    "HEADS",
    "PAPERS",
    "How",
    "Interrupted",
    "Verdict",
    "carry_out_all",
    "hours",
    "in_all",
    "jobs_of",
    "judge",
    "lines",
    "needs",
    "paper",
    "targets",
    "text",
]
