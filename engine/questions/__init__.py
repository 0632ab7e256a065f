"""Question files become Questions with evidence, split once."""
