"""One module a file format: a path becomes Documents."""
