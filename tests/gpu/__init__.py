"""Checks that need a CUDA GPU; skipped without one."""
