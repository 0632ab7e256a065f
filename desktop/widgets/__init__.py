"""Parts that pages are built from; none knows a sibling."""
