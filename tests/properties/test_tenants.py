"""Thousands of hostile ids, keys and values through every operation: nobody sees, changes or deletes what is another's.

Each value is handled exactly or refused with an error of ours; which of the two is said here once more, independently
of the library. Every value is stored as an id and as content; the other operations take every ``TENANTS_EVERY``-th, and
after each round the whole store is compared with what must be in it. ``TENANTS`` sets how many values.
"""

from __future__ import annotations

import os
import random
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from mem0milvus import FilterError, Memory, NotFoundError, ValidationError
from tests.conftest import texts

pytestmark = pytest.mark.in_order

COUNT = int(os.environ.get("TENANTS", "1000"))
EVERY = int(os.environ.get("TENANTS_EVERY", "8"))

PIECES = [
    '"', "'", "\\", '\\"', "\\\\", '" or user_id != "', '" || 1 == 1 || "', "' OR '1'='1",
    ') or (id != "', '"]) or (id != "', '\\" or id != \\"', '" or id like "%', "%", "_", "%%", "{x}",
    "{0}", "{{}}", "${jndi}", "][", "[1]", '["a"]', "(", ")", "<b>", "--", ";", "#", "/*", "*/",
    "\\u0041", "\\n", "\\x00", "null", "true", "None", "nan", "0", "-1", "1e309", "*", "$meta", "id",
    "user_id", 'metadata["user_id"]', "metadata.user_id", "vector", "AND", "$or", "not in", "exists",
    "a.b", "😀", "👨‍👩‍👧", "\u202e", "\u200f", "\u200b", "\ufeff", "\u2028", "\u2029", "\u00a0", "é",
    "e\u0301", "ﬁ", "fi", "Å", "\u212b", "ß", "SS", "İ", "ı", "日本", "нет", "ａ", " ", "  ", "\U0010ffff",
    "\ufffe", "/", "a/b~c", "..", "bob", "Bob",
]  # fmt: skip
REFUSED_PIECES = ["\t", "\n", "\r\n", "\x00", "\x01", "\x1f", "\x7f", "\x85", "\ud800", "\udfff", "a:1", ":"]
LONG = ["x" * 255, "x" * 256, "x" * 257, "é" * 128, "é" * 129, "😀" * 64, "😀" * 65, "x" * 70_000]


def hostile_values(count: int) -> list[str]:
    """Different texts: the pieces, their twins, and what comes of putting some of them together."""
    chance = random.Random(7)
    found = dict.fromkeys([*PIECES, *REFUSED_PIECES, *LONG])
    while len(found) < count:
        value = "".join(chance.choices(PIECES + REFUSED_PIECES * (chance.random() < 0.1), k=chance.randint(1, 4)))
        twins = [value + " ", " " + value, value.upper(), value.lower(), value.swapcase(), value[::-1]]
        twins += [unicodedata.normalize(form, value) for form in ("NFC", "NFD", "NFKC")]
        found.update(dict.fromkeys([value, *chance.sample(twins, 2)]))
    return list(found)[:count]


def has_utf8(value: str) -> bool:
    return not any(unicodedata.category(c) == "Cs" for c in value)


def is_id(value: str) -> bool:
    """Whether the value can be the id of a user, an agent or a run, or the name of a speaker."""
    plain = not any(unicodedata.category(c) in ("Cc", "Cs") for c in value)
    return bool(value) and plain and len(value.encode()) <= 256


def is_text(value: str) -> bool:
    return bool(value.strip()) and has_utf8(value) and len(value.encode()) <= 65_535


#: Keys of the metadata that every tenant has; beside them stands a hostile one.
OWN_KEYS = ("n", "user_id", "id", "nested")


@dataclass
class Tenant:
    """One user with one memory, as it must be in the store."""

    user: str
    memory_id: str
    text: str
    metadata: dict[str, Any]
    agent: str = ""
    run: str = ""
    name: str = ""
    history: list[str | None] = field(default_factory=list)


def refuses(call: Callable[[], Any]) -> None:
    with pytest.raises(ValidationError):
        call()


class World:
    """A store full of tenants, and what must be in it."""

    def __init__(self, memory: Memory, values: list[str]) -> None:
        self.memory = memory
        self.values = values
        self.there: dict[str, Tenant] = {}

    def value(self, index: int, fits: Callable[[str], bool]) -> str:
        """The next value from a place on that fits."""
        return next(
            v for v in (self.values[(index + n) % len(self.values)] for n in range(len(self.values))) if fits(v)
        )

    def check(self) -> None:
        """The whole store is as it must be, row by row."""
        items = {item["id"]: item for item in self.memory.iterate()}
        assert items.keys() == self.there.keys()
        for memory_id, tenant in self.there.items():
            item = items[memory_id]
            told = (item["user_id"], item["memory"], item["metadata"])
            assert told == (tenant.user, tenant.text, tenant.metadata)
            others = (item.get("agent_id", ""), item.get("run_id", ""), item.get("actor_id", ""))
            assert others == (tenant.agent, tenant.run, tenant.name)

    def chosen(self, part: int = 0, parts: int = EVERY) -> list[Tenant]:
        """Some of the tenants: those at a place out of so many."""
        return [tenant for number, tenant in enumerate(self.there.values()) if number % parts == part]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Each value that can be an id is a user; the others are refused."""
    url = str(tmp_path_factory.mktemp("tenants") / "memory.db")
    store = {"url": url, "collection_name": "memories", "embedding_model_dims": 32}
    with Memory.from_config({"vector_store": {"config": store}, "embedder": {"provider": "offline"}}) as memory:
        world = World(memory, hostile_values(COUNT))
        assert len(set(world.values)) == COUNT
        _fill(world)
        assert len(world.there) > COUNT * 0.8
        yield world


def _fill(world: World) -> None:
    for index, value in enumerate(world.values):
        text = world.value(index + 1, is_text)
        said: dict[str, Any] = {"role": "user", "content": text}
        if not is_id(value):
            refuses(lambda: world.memory.add([said], user_id=value, infer=False))  # noqa: B023
            continue
        tenant = Tenant(value, f"m{index}", text, {"n": index}, history=[text])
        key, content = world.value(index + 2, has_utf8), world.value(index + 3, has_utf8)
        if len(key) + len(content) < 60_000:
            tenant.metadata |= {key: content, "user_id": "bob", "id": "m0", "nested": {key: [content]}}
        if index % 3 == 0:
            tenant.agent = world.value(index + 4, is_id)
        if index % 5 == 0:
            tenant.run = world.value(index + 5, is_id)
        if index % 7 == 0:
            tenant.name = said["name"] = world.value(index + 6, is_id)
        scope = {name: v for name, v in (("agent_id", tenant.agent), ("run_id", tenant.run)) if v}
        metadata = tenant.metadata
        ids = [tenant.memory_id]
        world.memory.add([said], user_id=value, infer=False, metadata=metadata, ids=ids, **scope)
        world.there[tenant.memory_id] = tenant


# The tests run in this order: each leaves the store to the next one, and says what must be in it then.


def test_every_memory_is_stored_as_it_was_given_under_its_own_user(world: World) -> None:
    assert len({tenant.user for tenant in world.there.values()}) == len(world.there)
    world.check()


def test_each_user_finds_the_own_memory_and_no_other(world: World) -> None:
    ways: list[Callable[[Tenant], Iterable[Any]]] = [
        lambda t: world.memory.get_all(t.user)["results"],
        lambda t: world.memory.iterate(t.user),
        lambda t: world.memory.search(t.text[:500], t.user)["results"],
        lambda t: world.memory.get_all(filters={"user_id": t.user})["results"],
        lambda t: world.memory.get_all(t.user, filters={"OR": [{"user_id": "Bob"}, {"NOT": {"n": -5}}]})["results"],
        lambda t: world.memory.get_all(filters={"AND": [{"user_id": {"in": [t.user]}}, {"n": t.metadata["n"]}]})[
            "results"
        ],
    ]
    for number, tenant in enumerate(world.chosen()):
        found = [(item["id"], item["user_id"]) for item in ways[number % len(ways)](tenant)]
        assert found == [(tenant.memory_id, tenant.user)], number % len(ways)


def test_agents_and_runs_are_told_apart_as_users_are(world: World) -> None:
    for tenant in world.chosen(0, 3 * EVERY):
        for name, value in (("agent_id", tenant.agent), ("run_id", tenant.run)):
            if value:
                same = {i for i, t in world.there.items() if (t.agent if name == "agent_id" else t.run) == value}
                found = world.memory.get_all(**{name: value})["results"]  # type: ignore[arg-type]
                assert {item["id"] for item in found} == same


def test_a_hostile_filter_finds_what_it_says_or_is_refused_and_never_leaves_its_user(world: World) -> None:
    answered = 0
    chosen = world.chosen(2)
    for index, tenant in enumerate(chosen):
        key = next((key for key in tenant.metadata if key not in OWN_KEYS), "key")
        own = tenant.metadata.get(key, "value")
        other = world.values[(index * 7) % len(world.values)]
        filters: dict[str, Any] = [
            {key: own},
            {"NOT": {key: own}},
            {"OR": [{key: own}, {key: other}]},
            {"n": tenant.metadata["n"], key: {"ne": other}},
            {f"nested.{key}": {"contains": own}},
            {"memory": {"contains": other}},
            {"memory": {"like": f"%{other}%"}},
            {"NOT": [{"OR": [{"user_id": other}, {"agent_id": other}]}]},
            {"id": {"in": [other, "m0", "m1"]}},
        ][index % 9]
        try:
            found = [item["id"] for item in world.memory.get_all(tenant.user, filters=filters)["results"]]
        except (FilterError, ValidationError):
            continue
        answered += 1
        assert found in ([], [tenant.memory_id]), filters
        if index % 9 in (0, 1) and "." not in key and key in tenant.metadata:
            assert found == ([tenant.memory_id] if index % 9 == 0 else []), filters
    assert answered > len(chosen) * 0.6


def test_metadata_cannot_set_or_shadow_whose_a_memory_is(world: World) -> None:
    bobs = [item["id"] for item in world.memory.get_all("bob")["results"]]
    assert bobs == [i for i, t in world.there.items() if t.user == "bob"]
    found = world.memory.get_all(filters={"metadata.user_id": "bob"})["results"]
    assert {item["id"] for item in found} == {i for i, t in world.there.items() if t.metadata.get("user_id") == "bob"}
    victim = next(iter(world.chosen(1, 2)))
    shadows = {
        "user_id": "bob",
        "agent_id": "a",
        "run_id": "r",
        "actor_id": "x",
        "id": "m0",
        "memory": "y",
        "version": 9,
    }
    world.memory.update(victim.memory_id, "shadowed", {**shadows, "expires_at": 0, "$meta": {}, "vector": [1]})
    victim.text = "shadowed"
    victim.history.append("shadowed")
    victim.metadata |= {**shadows, "expires_at": 0, "$meta": {}, "vector": [1]}
    world.check()
    assert texts(world.memory.get_all(victim.user)) == ["shadowed"]


def test_hostile_memory_ids_name_one_memory_or_are_refused(world: World) -> None:
    memory = world.memory
    for index, value in enumerate(world.values):
        if is_id(value) and ":" not in value:
            if index % (2 * EVERY) == 0:
                added = memory.add("I like tea.", user_id="ids", ids=[value])
                assert [change["id"] for change in added["results"]] == [value]
            elif index % EVERY == 1:
                with pytest.raises(NotFoundError):
                    (memory.get, memory.history, memory.delete)[index % 3](value)
        else:
            for call in (memory.get, memory.history, memory.delete):
                refuses(lambda: call(value))  # noqa: B023
            refuses(lambda: memory.delete(memory_ids=["m0", value]))  # noqa: B023
    wanted = {v for n, v in enumerate(world.values) if n % (2 * EVERY) == 0 and is_id(v) and ":" not in v}
    assert {item["id"] for item in memory.get_all("ids")["results"]} == wanted
    for value in list(wanted)[::8]:
        assert memory.get(value)["id"] == value
        memory.update(value, "I like coffee.")
        assert [entry["memory_id"] for entry in memory.history(value)] == [value] * 2
    assert memory.delete(memory_ids=list(wanted), purge=True)["deleted"] == len(wanted)
    world.check()


def test_an_update_changes_one_memory(world: World) -> None:
    for index, tenant in enumerate(world.chosen()):
        value = world.values[(index * 11) % len(world.values)]
        if not is_text(value):
            refuses(lambda: world.memory.update(tenant.memory_id, value))  # noqa: B023
            continue
        world.memory.update(tenant.memory_id, value, {"n": index})
        if (value, index) != (tenant.text, tenant.metadata["n"]):
            tenant.text = value
            tenant.metadata = {**tenant.metadata, "n": index}
            tenant.history.append(value)
    world.check()
    for tenant in world.chosen(0, 4 * EVERY):
        assert [entry["new_memory"] for entry in world.memory.history(tenant.memory_id)] == tenant.history


def test_each_form_of_deletion_takes_what_it_names_and_a_restored_memory_is_its_users(world: World) -> None:
    memory = world.memory
    gone = world.chosen(1, 3 * EVERY)
    for number, tenant in enumerate(gone):
        forms: list[Callable[[], Any]] = [
            lambda: memory.delete(tenant.memory_id),  # noqa: B023
            lambda: memory.delete(memory_ids=[tenant.memory_id]),  # noqa: B023
            lambda: memory.delete(user_id=tenant.user),  # noqa: B023
            lambda: memory.delete_all(user_id=tenant.user),  # noqa: B023
            lambda: memory.delete(user_id=tenant.user, purge=True),  # noqa: B023
            lambda: memory.delete_all(**{"user_id": tenant.user, **_inner_scope(tenant)}),  # noqa: B023
        ]
        assert forms[number % len(forms)]()["deleted"] == 1, number % len(forms)
        del world.there[tenant.memory_id]
    world.check()
    for number, tenant in enumerate(gone):
        if number % 6 == 4:
            with pytest.raises(NotFoundError):
                memory.history(tenant.memory_id)
        elif number % 2:
            memory.restore(tenant.memory_id, len(tenant.history))
            world.there[tenant.memory_id] = tenant
    world.check()


def _inner_scope(tenant: Tenant) -> dict[str, str]:
    return {name: v for name, v in (("agent_id", tenant.agent), ("run_id", tenant.run)) if v}


def test_a_value_that_is_no_id_deletes_nothing(world: World) -> None:
    for value in world.values:
        if not is_id(value):
            refuses(lambda: world.memory.delete(user_id=value))  # noqa: B023
            refuses(lambda: world.memory.delete_all(run_id=value, purge=True))  # noqa: B023
            refuses(lambda: world.memory.search("tea", user_id=value))  # noqa: B023
            refuses(lambda: world.memory.get_all(filters={"user_id": value}))  # noqa: B023
    world.check()


def test_purging_users_leaves_the_others(world: World) -> None:
    for tenant in world.chosen(2, 3 * EVERY):
        assert world.memory.delete_all(user_id=tenant.user, purge=True)["deleted"] == 1
        del world.there[tenant.memory_id]
    world.check()
    ids = [tenant.memory_id for tenant in world.chosen(0, 2)]
    assert world.memory.delete(memory_ids=ids, purge=True)["deleted"] == len(ids)
    for memory_id in ids:
        del world.there[memory_id]
    world.check()
