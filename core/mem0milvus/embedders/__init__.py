"""Embedding models: OpenAI's API, and one that needs no model."""
