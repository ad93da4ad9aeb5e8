"""Evaluation: which models, which metrics, one pass per stream, records with their recipe.

`genbench.evaluate` is for users. Other parts of genbench import the modules: `api` puts an
evaluation together, for all of them.
"""
