"""Tests of engine.questions."""
