"""Fine-tuning the retriever and the generator, with checkpoints that survive a kill."""
