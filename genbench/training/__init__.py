"""Training: the loop, and everything that all models share while they learn."""

from genbench.training.continuing import go_on
from genbench.training.request import resume, train

__all__ = ["go_on", "resume", "train"]
