"""Faults and attacks: long, and not part of `make test`."""
