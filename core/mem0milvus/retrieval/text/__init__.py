"""Text analysis: words, stems and parts of words as weighted tokens, in any language. Pure, no I/O."""

from mem0milvus.retrieval.text.weights import (
    ANALYSIS_VERSION,
    ASKS,
    MAX_LEXICAL_TOKENS,
    Term,
    document_weights,
    key,
    keys_of,
    query_terms,
    query_weights,
)

__all__ = [
    "ANALYSIS_VERSION",
    "ASKS",
    "MAX_LEXICAL_TOKENS",
    "Term",
    "document_weights",
    "key",
    "keys_of",
    "query_terms",
    "query_weights",
]
