"""Measurements that are run by hand; `docs/measurements.md` has what they gave."""
