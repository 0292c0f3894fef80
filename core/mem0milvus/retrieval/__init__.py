"""Finding texts and rows, without I/O: filters, text analysis, ranking, indexing."""
