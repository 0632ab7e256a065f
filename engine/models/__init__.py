"""The model library: bundled models and folders imported safely."""
