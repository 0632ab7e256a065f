"""The wrong-document rate as an `evaluate` module."""
