"""The report as files: HTML, PDF, CSV, JSON and the model card."""
