"""The window: pages over the engine's jobs. Imports neither torch, transformers, faiss nor a parser."""
