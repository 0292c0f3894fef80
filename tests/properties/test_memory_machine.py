"""Any sequence of operations on Milvus Lite leaves what the same sequence leaves in a plain dict of versions.

``MACHINE_EXAMPLES`` sets how many sequences are tried.
"""

from __future__ import annotations

import copy
import os
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mem0milvus import Memory, NotFoundError, ValidationError
from tests.conftest import texts

EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "45"))
STEPS = 30

TEXTS = st.lists(
    st.sampled_from(["oslo", "rain", "tea", "cat", "piano", "snow", "dog", "chess", "river"]), min_size=1, max_size=4
).map(" ".join)
METADATA = st.dictionaries(st.sampled_from("ab"), st.integers(0, 3), max_size=2)
PLACE = st.integers(0, 99)


@dataclass
class Version:
    event: str
    text: str | None
    metadata: dict[str, Any] = field(default_factory=dict)


Versions = list[Version]


class MemoryMachine(RuleBasedStateMachine):
    """One user's memories, beside ``model``: for each id all versions, the last of which is the current one."""

    config: ClassVar[dict[str, Any]]
    memory: ClassVar[Memory]

    @initialize()
    def begin(self) -> None:
        self.user = uuid.uuid4().hex
        self.model: dict[str, Versions] = {}
        self.moments: list[tuple[float, dict[str, Versions]]] = []

    def _pick(self, place: int, *, deleted: bool | None = None) -> str | None:
        """One of the memories; None where there is none of the kind."""
        ids = [i for i, v in self.model.items() if deleted is None or (v[-1].text is None) == deleted]
        return ids[place % len(ids)] if ids else None

    # --- changes

    @rule(said=st.lists(TEXTS, min_size=1, max_size=3), metadata=METADATA, named=st.booleans(), run=st.booleans())
    def add(self, said: list[str], metadata: dict[str, Any], named: bool, run: bool) -> None:
        arguments: dict[str, Any] = {"ids": [uuid.uuid4().hex for _ in said]} if named else {}
        if run:
            arguments["run_id"] = self.user
        messages = [{"role": "user", "content": text} for text in said]
        result = self.memory.add(messages, user_id=self.user, infer=False, metadata=metadata, **arguments)
        for change, text in zip(result["results"], said, strict=True):
            self.model[change["id"]] = [Version("ADD", text, dict(metadata))]

    @rule(place=PLACE, text=TEXTS)
    def add_under_the_id_of_a_deleted_one(self, place: int, text: str) -> None:
        if one := self._pick(place, deleted=True):
            self.memory.add([{"role": "user", "content": text}], user_id=self.user, infer=False, ids=[one])
            self.model[one].append(Version("ADD", text))

    @rule(place=PLACE, text=TEXTS, metadata=METADATA)
    def update(self, place: int, text: str, metadata: dict[str, Any]) -> None:
        if one := self._pick(place):
            now = self.model[one][-1]
            if now.text is None:
                with pytest.raises(NotFoundError):
                    self.memory.update(one, text, metadata)
                return
            self.memory.update(one, text, metadata)
            merged = {**now.metadata, **metadata}
            if (text, merged) != (now.text, now.metadata):
                self.model[one].append(Version("UPDATE", text, merged))

    @rule(place=PLACE, count=st.integers(1, 3))
    def delete(self, place: int, count: int) -> None:
        live = [i for i, v in self.model.items() if v[-1].text is not None]
        ids = list({live[(place + n) % len(live)] for n in range(count)}) if live else []
        if len(ids) == 1:
            assert self.memory.delete(ids[0])["deleted"] == 1
        elif ids:
            assert self.memory.delete(memory_ids=ids)["deleted"] == len(ids)
        for one in ids:
            self.model[one].append(Version("DELETE", None))

    @rule(place=PLACE, version=st.integers(1, 5))
    def restore(self, place: int, version: int) -> None:
        one = self._pick(place)
        if one is None:
            return
        versions = self.model[one]
        if version > len(versions):
            with pytest.raises(NotFoundError):
                self.memory.restore(one, version)
        elif versions[version - 1].text is None:
            with pytest.raises((ValidationError, NotFoundError)):
                self.memory.restore(one, version)
        else:
            self.memory.restore(one, version)
            if version < len(versions):
                wanted = versions[version - 1]
                versions.append(Version("RESTORE", wanted.text, dict(wanted.metadata)))

    @rule(place=PLACE)
    def purge(self, place: int) -> None:
        if one := self._pick(place):
            assert self.memory.delete(one, purge=True)["deleted"] == 1
            self._forget([one])

    @precondition(lambda self: len(self.model) > 6)
    @rule(purge=st.booleans())
    def delete_everything(self, purge: bool) -> None:
        live = [i for i, v in self.model.items() if v[-1].text is not None]
        assert self.memory.delete_all(user_id=self.user, purge=purge)["deleted"] == len(live)
        if purge:
            self._forget(list(self.model))
        for one in [] if purge else live:
            self.model[one].append(Version("DELETE", None))

    def _forget(self, ids: list[str]) -> None:
        for one in ids:
            del self.model[one]
            for _, then in self.moments:
                then.pop(one, None)

    # --- what must hold

    @rule()
    def remember_this_moment(self) -> None:
        self.moments.append((time.time_ns() // 1_000 / 1_000_000, copy.deepcopy(self.model)))
        time.sleep(0.000_01)

    @rule()
    def reopen(self) -> None:
        type(self).memory.close()
        type(self).memory = Memory.from_config(self.config)

    @invariant()
    def the_memories_are_those_of_the_model(self) -> None:
        found = {i["id"]: (i["memory"], i["metadata"], i["version"]) for i in self.memory.get_all(self.user)["results"]}
        assert found == _seen(self.model)

    @rule(place=PLACE)
    def history_tells_every_version(self, place: int) -> None:
        if one := self._pick(place):
            told = [(e["event"], e["new_memory"], e["version"]) for e in self.memory.history(one)]
            assert told == [(v.event, v.text, n) for n, v in enumerate(self.model[one], 1)]

    @rule(place=PLACE)
    def each_moment_is_as_it_was(self, place: int) -> None:
        if not self.moments:
            return
        moment, then = self.moments[place % len(self.moments)]
        items = self.memory.get_all(self.user, as_of=moment)["results"]
        assert {i["id"]: (i["memory"], i["metadata"], i["version"]) for i in items} == _seen(then)
        for text in list({v[-1].text for v in then.values() if v[-1].text is not None})[:1]:
            assert text in texts(self.memory.search(text, self.user, as_of=moment, top_k=50))

    @rule(place=PLACE)
    def a_text_is_found_by_its_words(self, place: int) -> None:
        if one := self._pick(place, deleted=False):
            text = str(self.model[one][-1].text)
            found = self.memory.search(text, self.user, top_k=50)["results"]
            assert one in [hit["id"] for hit in found]
            assert {hit["id"] for hit in found} <= _seen(self.model).keys()


def _seen(model: dict[str, Versions]) -> dict[str, tuple[str, dict[str, Any], int]]:
    return {i: (v[-1].text, v[-1].metadata, len(v)) for i, v in model.items() if v[-1].text is not None}


def test_memories_behave_as_a_dict_of_versions(tmp_path: Path) -> None:
    store = {"url": str(tmp_path / "memory.db"), "collection_name": "memories", "embedding_model_dims": 64}
    MemoryMachine.config = {"vector_store": {"config": store}, "embedder": {"provider": "offline"}}
    MemoryMachine.memory = Memory.from_config(MemoryMachine.config)
    try:
        run_state_machine_as_test(
            MemoryMachine,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS,
                deadline=None,
                derandomize="MACHINE_EXAMPLES" not in os.environ,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        MemoryMachine.memory.close()
