"""Measured numbers: one record each, with its protocol, in a versioned table."""
