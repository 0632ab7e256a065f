"""PDF: text in reading order, where every character of it stands, and pictures of the pages."""
