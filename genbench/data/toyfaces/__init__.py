"""Faces that genbench draws itself, with known attributes."""
