"""The whole job in a few minutes, with nothing to download."""
