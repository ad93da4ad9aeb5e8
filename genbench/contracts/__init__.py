"""What every plug-in promises, as checks that `genbench check` and the test suite both run."""
