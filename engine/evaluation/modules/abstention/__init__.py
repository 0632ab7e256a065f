"""Abstention as an `evaluate` module."""
