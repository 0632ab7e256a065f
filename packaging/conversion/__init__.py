"""How each bundled model becomes a plain folder of safetensors and tokenizer; for the set-up only."""
