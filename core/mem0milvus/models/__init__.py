"""Embedding and language models: built-in ones, and those that other packages register."""
