"""Figures as papers show them: sheets of images that models made, and charts of their numbers.

A file makes one kind. Each returns a `Drawing`: it can be written as PNG or PDF, or stand in a
report. The same seed gives the same images for every model.
"""
