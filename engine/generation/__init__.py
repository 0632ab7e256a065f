"""Writing answers from passages: prompt, generator, citations and abstention."""
