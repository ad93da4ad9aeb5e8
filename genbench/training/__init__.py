"""Training: the loop, and everything that all models share while they learn."""

from genbench.training.request import resume, train

__all__ = ["resume", "train"]
