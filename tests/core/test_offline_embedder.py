"""The embedder without a model: deterministic, never degenerate, close where words are shared."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mem0milvus.models.offline_embedder import HashingEmbedder

TEXTS = ["Likes to play tennis on weekends", "!!!", "🎾", "", "   ", "テニスが好き", "ตีแบดกับเพื่อน", "the of and"]


def digest(vectors: NDArray[np.float32]) -> str:
    return hashlib.sha256(np.round(vectors * 1e4).astype("<i4").tobytes()).hexdigest()


@pytest.mark.parametrize("dims", [1, 2, 3, 64, 384, 1536])
def test_rows_are_unit_vectors_of_the_asked_length(dims: int) -> None:
    vectors = HashingEmbedder(dims).embed(TEXTS)
    assert vectors.shape == (len(TEXTS), dims)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


@given(st.lists(st.text(), max_size=8), st.integers(1, 40))
def test_no_text_gives_a_zero_or_broken_vector(texts: list[str], dims: int) -> None:
    vectors = HashingEmbedder(dims).embed(texts)
    assert vectors.shape == (len(texts), dims)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-4)


def test_dims_below_one_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1, not 0"):
        HashingEmbedder(0)


def test_a_text_has_one_vector_whatever_is_embedded_beside_it() -> None:
    embedder = HashingEmbedder(256)
    together = embedder.embed(TEXTS * 100)
    assert np.array_equal(together[-len(TEXTS) :], HashingEmbedder(256).embed(TEXTS))
    assert embedder.embed([]).shape == (0, 256)


def test_signs_without_words_differ() -> None:
    wow, ball, query = HashingEmbedder().embed(["!!!", "🎾", "???"])
    assert wow @ query < 0.99
    assert wow @ ball < 0.99


def test_shared_words_and_inflected_forms_are_close() -> None:
    question, near, far = HashingEmbedder().embed(
        ["Which sport is played on the weekend?", "Likes to play tennis on weekends", "I have an algebra exam"]
    )
    assert question @ near > question @ far + 0.1


def test_writing_forms_of_a_text_have_one_vector() -> None:
    one, other = HashingEmbedder().embed(["Café ＴＥＮＮＩＳ", "cafe\u0301 tennis"])
    assert np.allclose(one, other)


def test_the_model_is_named_with_its_version() -> None:
    embedder = HashingEmbedder(8)
    assert (embedder.dims, embedder.identity) == (8, "mem0milvus-hash-v1")


# Stored vectors must be found again by a later release: if this changes, MODEL must change.
DIGEST = "11bc333662e05a5318d0776cd79abe450ebbc32ccc7f39e819d040f8e263ef30"


def test_vectors_are_the_same_on_every_machine() -> None:
    assert digest(HashingEmbedder(256).embed(TEXTS)) == DIGEST


def test_vectors_are_the_same_in_every_process() -> None:
    code = (
        "import sys; from mem0milvus.models.offline_embedder import HashingEmbedder as H; e = H(64);"
        "assert 'numpy' not in sys.modules;"
        f"sys.stdout.write(e.embed({TEXTS!a}).tobytes().hex())"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("0", "1", "random")
    }
    assert len(printed) == 1
