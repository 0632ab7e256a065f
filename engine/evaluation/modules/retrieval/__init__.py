"""Retrieval as an `evaluate` module."""
