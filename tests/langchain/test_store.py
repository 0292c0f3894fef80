"""``Mem0MilvusStore``: what it has beyond a store in memory, in graphs and agents, for several users, after a kill."""

from __future__ import annotations

import asyncio
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import pytest
from langchain.agents import create_agent
from langchain.tools import ToolRuntime, tool
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import InjectedStore
from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore, GetOp, PutOp, SearchOp
from typing_extensions import TypedDict

from langchain_mem0milvus.store import Mem0MilvusStore
from mem0milvus import (
    AsyncMemory,
    AsyncRecordStore,
    ConfigError,
    EmbedderMismatchError,
    EmbeddingError,
    FilterError,
    Memory,
    RecordStore,
    StoreError,
    ValidationError,
)
from mem0milvus.runtime.open_store import SystemClock
from tests.langchain.conftest import TURNS, ScriptedChatModel, lite_config

Config = dict[str, Any]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return lite_config(tmp_path / "milvus.db")


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Memory]:
    """One memory for the tests that each keep to a namespace of their own."""
    with Memory.from_config(lite_config(tmp_path_factory.mktemp("shared") / "milvus.db")) as opened:
        yield opened


@pytest.fixture
def user(request: pytest.FixtureRequest) -> str:
    """A label that no other test uses."""
    return str(request.node.name).replace(".", "_")


def words(items: Sequence[Any]) -> list[str]:
    return [item.value["text"] for item in items]


def test_items_of_the_store_are_no_memories_and_no_other_records(config: Config) -> None:
    with Memory.from_config(config) as memory:
        store = Mem0MilvusStore(memory)
        store.put(("docs",), "1", {"text": "zebra"})
        memory.add("I like zebras.", user_id="alice", infer=False)
        with RecordStore.beside(memory) as records:
            records.put(("docs",), "1", {"text": "other"}, text="zebra")
        assert len(memory.get_all()["results"]) == 1
        assert words(store.search((), query="zebra")) == ["zebra"]
        assert store.list_namespaces() == [("docs",)]


def test_it_works_inside_a_running_loop_and_in_one_loop_after_another(memory: Memory, user: str) -> None:
    store = Mem0MilvusStore(memory)

    async def inside(number: int) -> None:
        store.put((user,), f"blocking {number}", {"text": "written within a loop"})
        await store.aput((user,), f"awaiting {number}", {"text": "awaited"})
        assert store.get((user,), f"awaiting {number}") == await store.aget((user,), f"awaiting {number}")

    for number in range(2):
        asyncio.run(inside(number))
    assert len(store.search((user,))) == 4


def test_it_can_be_opened_over_each_kind_of_store(config: Config) -> None:
    with RecordStore.from_config(config) as records:
        Mem0MilvusStore(records).put(("docs",), "1", {"text": "one"})

    async def awaiting() -> None:
        async with AsyncMemory.from_config(config) as memory:
            store = Mem0MilvusStore(memory)
            assert (await store.aget(("docs",), "1")).value == {"text": "one"}  # type: ignore[union-attr]
            with pytest.raises(StoreError, match="serves async callers only"):
                store.get(("docs",), "1")
            with pytest.raises(StoreError, match="serves async callers only"):
                store.start_ttl_sweeper()
        async with AsyncRecordStore.from_config(config) as records:
            await Mem0MilvusStore(records).adelete(("docs",), "1")

    asyncio.run(awaiting())
    with Mem0MilvusStore.from_config(config) as store:
        assert store.search(()) == []
    with pytest.raises(StoreError, match="closed"):
        store.search(())

    async def own() -> None:
        async with Mem0MilvusStore.from_config(config) as store:
            await store.aput(("docs",), "2", {"text": "two"})

    asyncio.run(own())
    with Mem0MilvusStore.from_config(config) as store:
        assert words(store.search(())) == ["two"]


def test_what_it_is_opened_over_stays_the_callers_to_close(config: Config) -> None:
    with Memory.from_config(config) as memory:
        with Mem0MilvusStore(memory) as store:
            store.put(("docs",), "1", {"text": "one"})
        assert memory.get_all()["results"] == []
        assert store.get(("docs",), "1") is not None
    with Memory.from_config(config):  # the file is free
        pass


def test_what_it_cannot_be_opened_over_is_an_error(memory: Memory, config: Config) -> None:
    with pytest.raises(ValidationError, match="Memory or a RecordStore"):
        Mem0MilvusStore("./milvus.db")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="from_config"):
        Mem0MilvusStore(memory, index={"dims": 3, "embed": lambda texts: [[1.0, 0, 0] for _ in texts]})
    for index in ({"field": ["text"]}, {"fields": "text"}, {"fields": [1]}, True, "text"):
        with pytest.raises(ConfigError, match="index"):
            Mem0MilvusStore(memory, index=index)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="default_ttl"):
        Mem0MilvusStore(memory, ttl={"default": 5})  # type: ignore[arg-type]
    with RecordStore.beside(memory) as records, pytest.raises(ConfigError, match="collection_name"):
        Mem0MilvusStore(records, collection_name="other")
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"index": {"embed": count_vowels}, "embedder": object()}, "two embedding models"),
        ({"index": {"dims": 5}}, "goes with"),
        ({"index": {"fields": "text"}}, "list of paths"),
        ({"ttl": {"default": 5}}, "default_ttl"),
    ]
    for options, message in wrong:
        with pytest.raises(ConfigError, match=message):
            Mem0MilvusStore.from_config(config, **options)
    assert not Path(config["vector_store"]["config"]["url"]).exists()  # nothing was opened


def test_collections_of_their_own_hold_stores_of_their_own(config: Config) -> None:
    with Memory.from_config(config) as memory:
        first, second = Mem0MilvusStore(memory), Mem0MilvusStore(memory, collection_name="second")
        first.put(("docs",), "1", {"text": "first"})
        second.put(("docs",), "1", {"text": "second"})
        assert (words(first.search(())), words(second.search(()))) == (["first"], ["second"])


# An embedding model of its own.


def count_vowels(texts: Sequence[str]) -> list[list[float]]:
    return [[text.lower().count(vowel) + 0.1 for vowel in "aeiou"] for text in texts]


async def acount_vowels(texts: Sequence[str]) -> list[list[float]]:
    return count_vowels(texts)


def test_items_are_found_by_a_function_as_embedding_model(tmp_path: Path) -> None:
    config = {"vector_store": {"config": {"url": str(tmp_path / "milvus.db")}}}
    index = {"embed": count_vowels, "fields": ["text"]}
    with Mem0MilvusStore.from_config(config, index=index) as store:  # type: ignore[arg-type]
        store.put(("docs",), "1", {"text": "ooo"})
        store.put(("docs",), "2", {"text": "iii"})
        assert words(store.search((), query="uoou")) == ["ooo", "iii"]
    with pytest.raises(EmbedderMismatchError):
        Mem0MilvusStore.from_config(config, index={"embed": lambda texts: [[1.0, 2.0]] * len(texts)})


def test_an_asynchronous_function_serves_awaiting_callers_when_its_dims_are_told(tmp_path: Path) -> None:
    config = {"vector_store": {"config": {"url": str(tmp_path / "milvus.db")}}}
    with pytest.raises(EmbeddingError, match="dims="):
        Mem0MilvusStore.from_config(config, index={"embed": acount_vowels})

    async def awaiting() -> None:
        index = {"embed": acount_vowels, "dims": 5}
        async with Mem0MilvusStore.from_config(config, index=index) as store:  # type: ignore[arg-type]
            await store.aput(("docs",), "1", {"text": "ooo"})
            assert words(await store.asearch((), query="ooo")) == ["ooo"]
            with pytest.raises(EmbeddingError, match="async function"):
                store.put(("docs",), "2", {"text": "iii"})
            assert await store.aget(("docs",), "2") is None

    asyncio.run(awaiting())


def test_without_an_index_no_embedding_model_is_asked(tmp_path: Path) -> None:
    def never(texts: Sequence[str]) -> list[list[float]]:
        raise AssertionError(texts)

    config = {"vector_store": {"config": {"url": str(tmp_path / "milvus.db"), "embedding_model_dims": 5}}}
    index = {"embed": never, "dims": 5, "fields": ["text"]}
    with Mem0MilvusStore.from_config(config, index=index) as store:  # type: ignore[arg-type]
        store.put(("docs",), "1", {"text": "ooo"}, index=False)
        store.put(("docs",), "2", {"other": "iii"})
        assert len(store.search(("docs",))) == 2
        with pytest.raises(EmbeddingError):
            store.put(("docs",), "3", {"text": "uuu"})


# What is refused, and that nothing was done then.


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (PutOp(("docs",), "k", {"when": object()}), "JSON"),
        (PutOp(("docs",), "k", {"text": "x" * 70_000}, index=False), "65,536"),
        (PutOp(("docs",), "k", {"words": [str(n) for n in range(300)]}, index=["words[*]"]), "300 texts"),
        (PutOp(("docs",), "line\nbreak", {"n": 1}), "U\\+000A"),
        (PutOp(("docs",), "k", {"n": 1}, ttl=0), "ttl"),
        (PutOp(("docs",), "k", {"text": "x"}, index="text"), "list of paths"),  # type: ignore[arg-type]
        (SearchOp(("docs",), limit=-1), "negative"),
        (SearchOp(("docs",), filter={"$or": [{"n": 1}]}), "not a key of a value"),
        (SearchOp(("docs",), filter={"n": {"$in": [1]}}), "not an operator"),
        (SearchOp(("docs",), filter={"n": {"$gt": None}}), "compared with"),
        (SearchOp(("docs",), filter={"n": {1, 2}}), "compared with"),
        (SearchOp(("docs",), filter=["n"]), "must be a dict"),  # type: ignore[arg-type]
        (("get", "docs"), "An operation must be one of"),
    ],
    ids=lambda given: given if isinstance(given, str) else type(given).__name__,
)
def test_what_is_wrong_is_named(memory: Memory, wrong: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        Mem0MilvusStore(memory).batch([wrong])
    assert isinstance(caught.value, ValidationError)


def test_a_filter_that_the_store_cannot_hold_is_applied_to_pages_of_many(memory: Memory, user: str) -> None:
    store = Mem0MilvusStore(memory, index={"fields": ["text"]})
    store.batch(
        [
            PutOp((user,), f"{number:03}", {"text": f"zebra {number}", "tags": ["even" if number % 2 == 0 else "odd"]})
            for number in range(150)
        ]
    )
    even = {"tags": ["even"]}
    listed = store.search((user,), filter=even, limit=5, offset=70)
    assert [item.key for item in listed] == ["140", "142", "144", "146", "148"]
    found = [item.key for item in store.search((user,), query="zebra", filter=even, limit=70)]
    assert len(set(found)) == 70
    assert all(int(key) % 2 == 0 for key in found)
    rest = [item.key for item in store.search((user,), query="zebra", filter=even, limit=70, offset=70)]
    assert len(rest) == 5
    assert not {*found} & {*rest}


# Time to live.


class Clock:
    """The clock of all stores of a test."""

    def __init__(self) -> None:
        self.us = SystemClock().now_us()

    def pass_minutes(self, minutes: float) -> None:
        self.us += round(minutes * 60_000_000)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(SystemClock, "now_us", lambda self: clock.us)
    return clock


def test_an_item_is_gone_when_its_time_is_over_and_a_read_gives_it_anew(
    memory: Memory, user: str, clock: Clock
) -> None:
    store = Mem0MilvusStore(memory)
    for key in ("read", "found", "listed", "left"):
        store.put((user,), key, {"text": f"{key} now and then"}, ttl=10)
    store.put((user,), "kept", {"text": "for ever"}, ttl=None)
    for _ in range(2):
        clock.pass_minutes(9)
        assert store.get((user,), "read") is not None
        assert words(store.search((user,), query="found", limit=1)) == ["found now and then"]
        assert words(store.search((user,), filter={"text": "listed now and then"})) == ["listed now and then"]
        store.get((user,), "left", refresh_ttl=False)
    assert store.get((user,), "left") is None
    clock.pass_minutes(9.99)
    assert len(store.search((user,), refresh_ttl=False)) == 4
    clock.pass_minutes(0.01)
    assert words(store.search((user,))) == ["for ever"]
    assert words(store.search((user,), query="now and then")) == ["for ever"]
    assert store.list_namespaces(prefix=(user,)) == [(user,)]
    assert store.sweep_ttl() >= 4
    assert asyncio.run(store.asweep_ttl()) == 0


@pytest.mark.parametrize("refreshes", [True, False])
def test_the_time_to_live_is_configured(memory: Memory, user: str, clock: Clock, refreshes: bool) -> None:
    store = Mem0MilvusStore(memory, ttl={"default_ttl": 5, "refresh_on_read": refreshes})
    store.put((user,), "default", {"text": "soon gone"})
    store.put((user,), "kept", {"text": "for ever"}, ttl=None)
    clock.pass_minutes(3)
    assert len(store.search((user,), query="gone")) == 2
    clock.pass_minutes(3)
    assert (store.get((user,), "default") is not None) is refreshes
    assert store.get((user,), "kept") is not None


class Counting(Mem0MilvusStore):
    """Keeps how many items each sweep deleted."""

    swept: queue.Queue[int] = queue.Queue()

    def sweep_ttl(self) -> int:
        deleted = super().sweep_ttl()
        self.swept.put(deleted)
        return deleted


def test_a_sweeper_deletes_what_has_expired(config: Config, clock: Clock) -> None:
    def sweepers() -> int:
        return [thread.name for thread in threading.enumerate()].count("mem0milvus-ttl-sweeper")

    with Counting.from_config(config, ttl={"default_ttl": 5, "sweep_interval_minutes": 60}) as store:
        store.put(("docs",), "1", {"text": "soon gone"})
        store.start_ttl_sweeper(0.01 / 60)
        store.start_ttl_sweeper(0.01 / 60)
        assert sweepers() == 1
        assert store.swept.get(timeout=60) == 0
        clock.pass_minutes(6)
        while not store.swept.get(timeout=60):
            pass
        assert store.stop_ttl_sweeper(timeout=60)
        assert sweepers() == 0
        assert store.stop_ttl_sweeper()
        with pytest.raises(ValidationError, match="above 0"):
            store.start_ttl_sweeper(-1)
        store.start_ttl_sweeper()
        assert sweepers() == 1
    assert sweepers() == 0


# In graphs and agents.


class Context(TypedDict):
    user_id: str


def remember(state: MessagesState, runtime: Runtime[Context]) -> dict[str, Any]:
    """A node that answers with what it finds, then stores what was said."""
    store = runtime.store
    assert store is not None
    said = str(state["messages"][-1].content)
    namespace = ("memories", runtime.context["user_id"])
    found = store.search(namespace, query=said, limit=50)
    store.put(namespace, str(len(found)), {"text": said})
    return {"messages": [AIMessage(" | ".join(words(found)))]}


async def aremember(state: MessagesState, runtime: Runtime[Context]) -> dict[str, Any]:
    store = runtime.store
    assert store is not None
    said = str(state["messages"][-1].content)
    namespace = ("memories", runtime.context["user_id"])
    found = await store.asearch(namespace, query=said, limit=50)
    await store.aput(namespace, str(len(found)), {"text": said})
    return {"messages": [AIMessage(" | ".join(words(found)))]}


def graph(store: BaseStore, node: Callable[..., Any]) -> Any:
    builder = StateGraph(MessagesState, context_schema=Context)
    builder.add_node("remember", node)
    builder.add_edge(START, "remember")
    builder.add_edge("remember", END)
    return builder.compile(store=store)


def test_two_users_in_turns_never_see_a_word_of_the_other(config: Config) -> None:
    """``TURNS=1000`` takes all of them; half are awaited, one user's id begins with the other's."""
    with Memory.from_config(config) as memory:
        store = Mem0MilvusStore(memory, index={"fields": ["text"]})
        blocking, awaiting = graph(store, remember), graph(store, aremember)
        animals = {"1": "zebra", "10": "quail"}
        turns = [(str(10 ** (number % 2)), number) for number in range(TURNS)]

        def ask(user: str, number: int) -> tuple[Any, Any]:
            said = f"Turn {number}: the {animals[user]} of user {user} eats"
            return {"messages": [HumanMessage(said)]}, {"user_id": user}

        async def awaited(some: Sequence[tuple[str, int]]) -> list[Any]:
            async def one(user: str, number: int) -> Any:
                given, context = ask(user, number)
                return await awaiting.ainvoke(given, context=context)

            results = []
            for at in range(0, len(some), 2):  # both users at once
                results += await asyncio.gather(*(one(*turn) for turn in some[at : at + 2]))
            return results

        half = len(turns) // 2
        answers = []
        for user, number in turns[:half]:
            given, context = ask(user, number)
            answers.append(blocking.invoke(given, context=context))
        answers += asyncio.run(awaited(turns[half:]))
        for (user, number), answer in zip(turns, answers, strict=True):
            text = answer["messages"][-1].content
            (other,) = set(animals) - {user}
            assert animals[other] not in text
            assert (animals[user] in text) is (number > 1)
        assert {item.namespace for item in store.search(("memories", "1"), limit=TURNS)} == {("memories", "1")}
        assert len(store.search(("memories",), limit=TURNS)) == min(TURNS, 102)


def test_an_agents_tools_use_the_store_with_the_users_id_from_the_context(memory: Memory, user: str) -> None:
    @tool
    def save(text: str, runtime: ToolRuntime[Context, Any]) -> str:
        """Save a text."""
        assert runtime.store is not None
        runtime.store.put((user, runtime.context["user_id"]), "note", {"text": text})
        return "Saved."

    @tool
    def find(query: str, runtime: ToolRuntime[Context, Any], store: Annotated[Any, InjectedStore()]) -> str:
        """Find a text."""
        return str(words(store.search((user, runtime.context["user_id"]), query=query)))

    def answer(messages: list[BaseMessage]) -> AIMessage:
        last = messages[-1]
        if last.type == "tool":
            return AIMessage(str(last.content))
        name, _, text = str(last.content).partition(" ")
        call = {"name": name, "args": {"query" if name == "find" else "text": text}, "id": "1"}
        return AIMessage("", tool_calls=[call])

    agent: Any = create_agent(
        ScriptedChatModel(answers=[answer]), [save, find], store=Mem0MilvusStore(memory), context_schema=Context
    )

    def ask(text: str, who: str) -> str:
        messages = agent.invoke({"messages": [("user", text)]}, context={"user_id": who})["messages"]
        return str(messages[-1].content)

    async def aask(text: str, who: str) -> str:
        result = await agent.ainvoke({"messages": [("user", text)]}, context={"user_id": who})
        return str(result["messages"][-1].content)

    assert ask("save Alice likes tennis", "alice") == "Saved."
    assert asyncio.run(aask("save Bob likes rowing", "bob")) == "Saved."
    assert ask("find tennis or rowing", "alice") == "['Alice likes tennis']"
    assert asyncio.run(aask("find tennis or rowing", "bob")) == "['Bob likes rowing']"


def test_pages_of_a_question_neither_overlap_nor_leave_gaps(memory: Memory, user: str) -> None:
    store = Mem0MilvusStore(memory, index={"fields": ["text"]})
    animals = ["zebra", "quail", "ibex"]
    store.batch([PutOp((user,), str(n), {"text": f"{animals[n % 3]} {animals[n % 2]} {n}"}) for n in range(130)])
    pages = [store.search((user,), query="zebra quail", limit=13, offset=at) for at in range(0, 143, 13)]
    assert [len(page) for page in pages] == [13] * 10 + [0]
    together = [item.key for page in pages for item in page]
    assert len(set(together)) == 130
    assert together == [item.key for item in store.search((user,), query="zebra quail", limit=130)]


def test_many_threads_put_and_get_at_once(memory: Memory, user: str) -> None:
    store = Mem0MilvusStore(memory)
    failures: list[str] = []

    def work(who: int) -> None:
        for number in range(5):
            store.put((user, str(who)), str(number), {"text": f"{who} {number}"})
            results = store.batch([GetOp((user, str(who)), str(number)), SearchOp((user, str(who)), query="text")])
            seen = {item.namespace for item in results[1]}  # type: ignore[union-attr]
            if results[0].value["text"] != f"{who} {number}" or seen != {(user, str(who))}:  # type: ignore[union-attr]
                failures.append(f"{who} {number}")

    threads = [threading.Thread(target=work, args=(who,)) for who in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(store.search((user,), limit=100)) == 30


TURN = """
import os, signal, sys
from langchain_mem0milvus.store import Mem0MilvusStore
from mem0milvus import Memory

memory = Memory.from_config({"vector_store": {"config": {"url": sys.argv[1], "collection_name": "memories",
                             "embedding_model_dims": 128}}, "embedder": {"provider": "offline"}})
store = Mem0MilvusStore(memory, index={"fields": ["text"]})
found = store.search(("users", "1"), query="animals", limit=100)
print(len(found))
store.put(("users", "1"), f"turn {len(found)}", {"text": f"turn {len(found)} about animals"})
sys.stdout.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_put_is_there_after_the_process_was_killed(config: Config) -> None:
    path = config["vector_store"]["config"]["url"]
    run = subprocess.run([sys.executable, "-c", TURN, path], capture_output=True, text=True, timeout=60, check=False)
    assert (run.returncode, run.stdout) == (-signal.SIGKILL, "0\n"), run.stderr
    with Memory.from_config(config) as memory:
        (found,) = Mem0MilvusStore(memory).search(("users", "1"), query="animals")
    assert (found.key, found.value) == ("turn 0", {"text": "turn 0 about animals"})
    assert found.score is not None


def test_a_batch_with_a_filter_that_cannot_be_understood_does_nothing(memory: Memory, user: str) -> None:
    store = Mem0MilvusStore(memory)
    with pytest.raises(FilterError):
        store.batch([PutOp((user,), "1", {"n": 1}), SearchOp((user,), filter={"n": {"$exists": True}})])
    assert store.get((user,), "1") is None
