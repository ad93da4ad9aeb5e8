"""Training: the loop, and everything that all models share while they learn."""
