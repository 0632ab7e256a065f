"""Support as an `evaluate` module."""
