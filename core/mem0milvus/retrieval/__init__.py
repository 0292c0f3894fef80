"""Retrieval without I/O: filters, text analysis, ranking, indexing."""
