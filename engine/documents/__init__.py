"""Files become Documents, and Documents become Passages."""
