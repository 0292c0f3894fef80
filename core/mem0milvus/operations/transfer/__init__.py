"""Moving memories and records between stores and embedding models: dump, load, reembed."""
