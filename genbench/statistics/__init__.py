"""Error bars and tests: the bootstrap, and whether a difference is one."""
