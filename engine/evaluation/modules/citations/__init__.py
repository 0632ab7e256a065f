"""Cited spans as an `evaluate` module."""
