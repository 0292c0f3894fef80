"""Embedding and language models: ours, and those of other packages."""
