"""Devices, seeds, paths, atomic files, progress, weights: what everything else stands on."""
