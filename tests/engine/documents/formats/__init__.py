"""Tests of engine.documents.formats."""
