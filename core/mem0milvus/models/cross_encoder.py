"""Rerankers in this process: cross-encoders of the package sentence-transformers."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from mem0milvus.config import CrossEncoderConfig, read_reranker_section
from mem0milvus.errors import ConfigError

#: The models of Mem0's providers, by provider.
DEFAULT_MODELS: Mapping[str, str] = {
    "sentence_transformer": "cross-encoder/ms-marco-MiniLM-L-6-v2",
    "huggingface": "BAAI/bge-reranker-base",
}


def make_reranker(provider: str, settings: Mapping[str, Any]) -> CrossEncoderReranker:
    """Make the reranker of a provider, or raise a ConfigError if its settings are wrong or its package is missing."""
    config = read_reranker_section(CrossEncoderConfig, settings)
    if find_spec("sentence_transformers") is None:
        raise ConfigError(
            f"The reranker provider {provider!r} needs the package sentence-transformers, which is not installed: "
            "pip install sentence-transformers."
        )
    return CrossEncoderReranker(config, config.model or DEFAULT_MODELS[provider])


class CrossEncoderReranker:
    """A model that reads a question and a text together and returns one number."""

    def __init__(self, config: CrossEncoderConfig, model: str) -> None:
        self.identity = model
        self._config = config
        self._mutex = threading.Lock()
        self._model: Any = None

    def score(self, query: str, texts: Sequence[str]) -> Any:
        """Return an array with one score for each text."""
        pairs = [(query, text) for text in texts]
        return self._loaded().predict(pairs, batch_size=self._config.batch_size, show_progress_bar=False)

    def _loaded(self) -> Any:
        # Not when the store is opened: importing torch and reading the weights takes seconds, and AsyncMemory is made
        # on the event loop. Searches run this in a thread.
        with self._mutex:
            if self._model is None:
                from sentence_transformers import CrossEncoder

                config = self._config
                token = config.api_key.get_secret_value() if config.api_key else None
                options = {"device": config.device, "max_length": config.max_length, "token": token}
                # Older versions do not know every option: only the configured ones are passed on.
                given = {name: value for name, value in options.items() if value is not None}
                self._model = CrossEncoder(self.identity, **given)
            return self._model
