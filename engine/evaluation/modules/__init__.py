"""Our `evaluate` modules, loaded by local path."""
