"""ROUGE as an `evaluate` module."""
