"""Short answers as an `evaluate` module."""
