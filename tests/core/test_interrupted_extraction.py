"""An extraction that is interrupted at any of its steps leaves each memory as before or as after, and is done once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from mem0milvus import ExtractionError, LLMRequest, StoreUnavailableError, operations
from mem0milvus.ports import Extraction
from tests.openai_server import change
from tests.reference import Store

TEXTS = {"a": "Ann lives in Rome.", "b": "Ann plays tennis.", "c": "Ann likes tea."}
SAID = "Now I live in Oslo, I stopped to play tennis, and I have a dog."


class Scripted:
    """A language model port that moves Ann to Oslo, ends her tennis and gives her a dog; it can be down."""

    def __init__(self) -> None:
        self.down = False
        self.asked = 0

    async def complete(self, request: LLMRequest) -> Mapping[str, Any]:
        if self.down:
            raise ExtractionError("down")
        self.asked += 1
        aliases = {text: line[0] for line in request.user.splitlines() for text in TEXTS.values() if text in line}
        changes = [change("ADD", "Ann has a dog.", "I have a dog")]
        if TEXTS["a"] in aliases:
            changes.append(change("UPDATE", "Ann lives in Oslo.", "Now I live in Oslo", aliases[TEXTS["a"]]))
        if TEXTS["b"] in aliases:
            changes.append(change("DELETE", "", "I stopped to play tennis", aliases[TEXTS["b"]]))
        return {"changes": changes}


class Interrupter:
    def __init__(self) -> None:
        self.at: int | None = None
        self.count = 0

    def __call__(self, step: str, moment: str) -> None:
        self.count += 1
        if self.count == self.at:
            raise StoreUnavailableError(f"{moment} {step}")

    def arm(self, at: int | None) -> None:
        self.at, self.count = at, 0


def _filled() -> tuple[Store, Interrupter, Scripted]:
    interrupter, model = Interrupter(), Scripted()
    store = Store(interrupter)
    store.ports = replace(store.ports, extraction=Extraction(llm=model, keeps_raw=True))
    said = [{"role": "user", "content": text} for text in TEXTS.values()]
    store.run(operations.add, said, user_id="u", infer=False, ids=list(TEXTS))
    return store, interrupter, model


def _add(store: Store) -> Any:
    return store.run(operations.add, SAID, user_id="u")


def _with_pending() -> tuple[Store, Interrupter, Scripted]:
    store, interrupter, model = _filled()
    model.down = True
    assert _add(store)["results"][0]["pending"]
    model.down = False
    return store, interrupter, model


def _process(store: Store) -> Any:
    return store.run(operations.process_pending)


def _seen(store: Store) -> list[str]:
    return sorted(item["memory"] for item in store.run(operations.get_all, "u")["results"])


BEFORE = sorted(TEXTS.values())
AFTER = ["Ann has a dog.", "Ann likes tea.", "Ann lives in Oslo."]


def _moments(make: Callable[[], Any], act: Callable[[Store], Any]) -> range:
    store, interrupter, _ = make()
    interrupter.arm(None)
    act(store)
    moments = range(1, interrupter.count + 1)
    assert _seen(store) == AFTER
    return moments


@pytest.mark.parametrize("at", _moments(_filled, _add))
def test_an_interrupted_add_leaves_each_memory_as_before_or_as_after(at: int) -> None:
    store, interrupter, _ = _filled()
    interrupter.arm(at)
    with pytest.raises(StoreUnavailableError):
        _add(store)
    interrupter.arm(None)
    assert _seen(store) in (BEFORE, AFTER, sorted([*AFTER, TEXTS["b"]]))
    for memory_id in TEXTS:
        events = [e["event"] for e in store.run(operations.history, memory_id)]
        assert events in (["ADD"], ["ADD", "UPDATE"], ["ADD", "DELETE"])
    _add(store)
    assert _seen(store) == AFTER


@pytest.mark.parametrize("at", _moments(_with_pending, _process))
def test_an_interrupted_pending_turn_is_extracted_once(at: int) -> None:
    store, interrupter, model = _with_pending()
    interrupter.arm(at)
    with pytest.raises(StoreUnavailableError):
        _process(store)
    interrupter.arm(None)
    seen = _seen(store)
    assert seen in (sorted([*BEFORE, SAID]), AFTER, sorted([*AFTER, TEXTS["b"]]))
    written = "Ann has a dog." in seen
    asked = model.asked
    _process(store)
    assert model.asked == asked + (0 if written else 1), "what is written is not extracted again"
    assert _seen(store) == AFTER
    assert [e["event"] for e in store.run(operations.history, "a")] == ["ADD", "UPDATE"]
    assert [e["event"] for e in store.run(operations.history, "b")] == ["ADD", "DELETE"]
    assert not any(row.pending for table in (store.live, store.history) for row in table.rows.values())
    assert not any(SAID in row.memory for table in (store.live, store.history) for row in table.rows.values())
    assert _process(store)["processed"] == 0


def test_vacuum_leaves_what_an_interrupted_turn_still_has_to_remove() -> None:
    store, interrupter, _ = _with_pending()
    for at in _moments(_with_pending, _process):
        store, interrupter, _ = _with_pending()
        interrupter.arm(at)
        with pytest.raises(StoreUnavailableError):
            _process(store)
        interrupter.arm(None)
        store.run(operations.vacuum)
        _process(store)
        assert _seen(store) == AFTER


def test_a_pending_turn_that_has_expired_is_dropped() -> None:
    store, _, model = _filled()
    model.down = True
    now = store.ports.clock.now_us() / 1_000_000
    store.run(operations.add, SAID, user_id="u", expires_at=now + 1)
    store.ports.clock.time_us += 2_000_000  # type: ignore[attr-defined]
    model.down = False
    _process(store)
    assert model.asked == 0
    assert _seen(store) == BEFORE
    assert set(store.live.rows) == set(TEXTS)


def test_a_memory_changed_after_an_interrupted_turn_is_not_removed_with_it() -> None:
    for at in _moments(_with_pending, _process):
        store, interrupter, _ = _with_pending()
        interrupter.arm(at)
        with pytest.raises(StoreUnavailableError):
            _process(store)
        interrupter.arm(None)
        if "Ann has a dog." in _seen(store) and TEXTS["b"] in _seen(store):
            store.run(operations.update, "b", "Ann plays chess.")
            _process(store)
            assert "Ann plays chess." in _seen(store)
            return
    raise AssertionError("there is such a moment")
