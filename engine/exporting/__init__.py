"""Runs as portable packages: written in one file, verified before anything of it is used."""
