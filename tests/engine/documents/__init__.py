"""Tests of engine.documents."""
