"""Answering questions from a run, one or many at a time."""
