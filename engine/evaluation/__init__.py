"""Measuring answers and retrieval on held-out questions."""
