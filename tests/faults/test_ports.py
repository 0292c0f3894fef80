"""A fault at any port call of any operation: a typed error, nothing claimed that is not stored, and all works again.

``tests/core/test_interrupted_writes.py`` has what each write leaves behind when Milvus stops answering; here are the
other faults: refusals, nonsense, exceptions of foreign code, batches written in part, and cancellation.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any

import pytest

from mem0milvus import (
    EmbeddingError,
    NotFoundError,
    PartialWriteError,
    StoreError,
    StoreUnavailableError,
    ValidationError,
    operations,
)
from mem0milvus.models.checked_models import CheckedEmbedder, VectorCache
from mem0milvus.ports import Ports
from mem0milvus.runtime.blocking_driver import BlockingDriver
from mem0milvus.runtime.locks import AsyncLocks, LockTable
from mem0milvus.runtime.thread_driver import ThreadDriver
from tests.reference import DictTable, Store

Run = Callable[[Ports], Coroutine[Any, Any, Any]]


def _said(*texts: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text} for text in texts]


async def _iterate(ports: Ports) -> list[Any]:
    async with aclosing(operations.iterate(ports, "u")) as found:
        return [item async for item in found]


READS: dict[str, Run] = {
    "get": lambda p: operations.get(p, "a"),
    "get_all": lambda p: operations.get_all(p, "u"),
    "get_all then": lambda p: operations.get_all(p, "u", as_of=p.clock.now_us() / 1e6),
    "iterate": _iterate,
    "search": lambda p: operations.search(p, "abc", "u"),
    "search then": lambda p: operations.search(p, "abc", "u", as_of=p.clock.now_us() / 1e6),
    "search a run": lambda p: operations.search(p, "fgh", run_id="r"),
    "history": lambda p: operations.history(p, "a"),
    "history of a deleted one": lambda p: operations.history(p, "e"),
}

#: Writes of one memory or of several, and which memories they change.
WRITES: dict[str, Run] = {
    "add": lambda p: operations.add(p, _said("new", "newer"), user_id="u", infer=False),
    "add what is worth it": lambda p: operations.add(p, "I like geese. I like eggs.", user_id="u", run_id="r"),
    "add named": lambda p: operations.add(p, _said("abc"), user_id="u", infer=False, ids=["n"]),
    "add deleted": lambda p: operations.add(p, _said("fed"), user_id="u", infer=False, ids=["e"]),
    "update": lambda p: operations.update(p, "a", "changed", {"k": "v"}),
    "delete": lambda p: operations.delete(p, "a"),
    "delete several": lambda p: operations.delete(p, memory_ids=["a", "b", "r1"]),
    "delete user": lambda p: operations.delete(p, user_id="u"),
    "delete run": lambda p: operations.delete_all(p, run_id="r"),
    "restore": lambda p: operations.restore(p, "a", 1),
    "restore deleted": lambda p: operations.restore(p, "e", 1),
    "purge": lambda p: operations.delete(p, "a", purge=True),
    "purge user": lambda p: operations.delete_all(p, user_id="u", purge=True),
    "reset": operations.reset,
}


class Script:
    """Raises at the n-th moment: before a port call, or after it, when its answer gets lost."""

    def __init__(self) -> None:
        self.at: int | None = None
        self.error: BaseException | None = None
        self.count = 0
        self.written = False

    def __call__(self, step: str, moment: str) -> None:
        self.count += 1
        if self.count == self.at and self.error is not None:
            raise self.error
        self.written |= moment == "before" and step.endswith((".put", ".remove", ".empty"))

    def arm(self, at: int | None = None, error: BaseException | None = None) -> None:
        self.at, self.error, self.count, self.written = at, error, 0, False


def _filled() -> tuple[Store, Script]:
    script = Script()
    store = Store(script)
    emptied = store._empty

    async def empty() -> None:
        script("store.empty", "before")
        await emptied()
        script("store.empty", "after")

    store.ports = replace(store.ports, empty=empty)
    store.run(operations.add, _said("abc", "bcd", "cde", "efg"), user_id="u", infer=False, ids=["a", "b", "c", "e"])
    store.run(operations.add, _said("fgh", "gha"), user_id="u", run_id="r", infer=False, ids=["r1", "r2"])
    store.run(operations.add, _said("not yours"), user_id="v", infer=False, ids=["v"])
    store.run(operations.update, "a", "abc again", {"n": 2})
    store.run(operations.delete, "e")
    script.arm()
    return store, script


def _rows(store: Store, *, erasing: bool = False) -> dict[str, Any]:
    """What users can see of each memory, by what it says rather than by chance ids and moments.

    With ``erasing``, the oldest versions may be gone.
    """
    seen = {}
    for memory_id in {key.partition(":")[0] for key in (*store.live.rows, *store.history.rows)}:
        with suppress(NotFoundError):
            entries = store.run(operations.history, memory_id)
            first = entries[0]["version"] if erasing else 1
            assert [e["version"] for e in entries] == list(range(first, first + len(entries))), entries
            live = store.live.rows.get(memory_id)
            name = memory_id if len(memory_id) <= 2 else f"new: {entries[0]['new_memory']}"
            seen[name] = (live and (live.memory, dict(live.metadata)), [(e["event"], e["new_memory"]) for e in entries])
    return seen


def _count(name: str, run: Run) -> int:
    store, script = _filled()
    store.run(lambda ports: run(ports))
    return script.count


ALL = {**READS, **WRITES}
ERRORS: list[Callable[[], BaseException]] = [
    lambda: StoreUnavailableError("no answer"),
    lambda: StoreError("refused"),
    lambda: EmbeddingError("nonsense"),
]
MOMENTS = [(name, at) for name, run in ALL.items() for at in range(1, _count(name, run) + 1)]


@pytest.mark.parametrize(("name", "at"), MOMENTS)
def test_a_fault_comes_out_as_it_is_and_harms_nobody(name: str, at: int) -> None:
    run = ALL[name]
    store, script = _filled()
    before = _rows(store)
    undisturbed, _ = _filled()
    expected = undisturbed.run(lambda ports: run(ports))
    after = _rows(undisturbed)

    raised = ERRORS[at % len(ERRORS)]()
    script.arm(at, raised)
    with pytest.raises(type(raised)) as caught:
        store.run(lambda ports: run(ports))
    assert caught.value is raised
    wrote = script.written
    script.arm()

    erasing = name.startswith(("purge", "reset"))  # what is half erased is neither as before nor as after
    now = _rows(store, erasing=erasing)
    if name in READS or not wrote:
        assert now == before
    if not erasing:
        for memory in before.keys() | after.keys():
            assert now.get(memory) in (before.get(memory), after.get(memory)), memory
    assert now.get("v") == before["v"] or name == "reset"

    # The locks are free and everything works: readers answer, and the write can be done again.
    assert store.run(operations.get_all, "v")["results"] or name == "reset"
    if name in READS:
        assert store.run(lambda ports: run(ports)) == expected
        return
    with suppress(NotFoundError):  # the answer got lost, and it is gone already
        store.run(lambda ports: run(ports))
    if not name.startswith(("add", "delete several", "restore", "update")):
        assert _rows(store).keys() == after.keys()
    live = {row.memory for row in undisturbed.live.rows.values()}
    if name == "delete several":
        store.run(operations.delete_all, user_id="u")
    else:
        assert {row.memory for row in store.live.rows.values()} == live


# --- cancellation, at a real suspension


class Suspending:
    """A port whose methods really suspend, before and after they act, so that a task can be cancelled there."""

    def __init__(self, port: Any, stop: Callable[[], None], pauses: Iterable[str]) -> None:
        self._port = port
        self._stop = stop
        self._pauses = pauses

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if name not in self._pauses:
            return method

        async def paused(*args: Any, **kwargs: Any) -> Any:
            self._stop()
            await asyncio.sleep(0)
            result = await method(*args, **kwargs)
            self._stop()
            await asyncio.sleep(0)
            return result

        return paused

    async def pages(self, *args: Any, **kwargs: Any) -> AsyncGenerator[Any, None]:
        self._stop()
        await asyncio.sleep(0)
        async with aclosing(self._port.pages(*args, **kwargs)) as pages:
            async for page in pages:
                yield page
                self._stop()
                await asyncio.sleep(0)


class Canceller:
    """Runs an operation over suspending ports, and cancels it at the n-th suspension."""

    def __init__(self, store: Store, script: Script, *, everything: bool) -> None:
        self.count = 0
        self.wrote = False
        self._at: int | None = None
        self._script = script
        self._everything = everything
        self._task: asyncio.Task[Any] | None = None
        self.driver = ThreadDriver(lambda: ThreadPoolExecutor(1))
        tables = ("get", "put", "remove", "search")
        self.ports = replace(
            store.ports,
            live=Suspending(store.live, self._stop, tables),
            history=Suspending(store.history, self._stop, tables),
            embedder=Suspending(store.ports.embedder, self._stop, ("embed",)),
            locks=AsyncLocks(LockTable()),
            shield=self.driver.shield,
        )

    def _stop(self) -> None:
        self.count += 1
        if self.count != self._at or self._task is None:
            return
        self.wrote = self._script.written
        for task in asyncio.all_tasks() if self._everything else {self._task}:
            if not self._everything or task is not self._main:
                task.cancel()

    async def run(self, run: Run, at: int | None) -> None:
        self._at = at
        self._main = asyncio.current_task()
        self._task = asyncio.ensure_future(run(self.ports))
        try:
            await self._task
        finally:
            with suppress(asyncio.CancelledError):
                await asyncio.wait_for(self.driver.settle(), 10)

    async def works_again(self, store: Store) -> None:
        """Nobody holds a lock any more, and a change goes through."""
        for memory_id in list(store.live.rows):
            await asyncio.wait_for(operations.update(self.ports, memory_id, "changed after all"), 10)


def _suspensions(run: Run) -> int:
    store, script = _filled()
    canceller = Canceller(store, script, everything=False)
    asyncio.run(canceller.run(run, None))
    return canceller.count


@pytest.mark.parametrize("everything", [False, True], ids=["the call", "every task"])
@pytest.mark.parametrize("name", [name for name in ALL if name != "reset"])
def test_a_cancelled_operation_is_stopped_before_its_first_write_or_carried_through(
    name: str, everything: bool
) -> None:
    run = ALL[name]
    undisturbed, _ = _filled()
    undisturbed.run(lambda ports: run(ports))
    after = _rows(undisturbed)
    for at in range(1, _suspensions(run) + 1):
        store, script = _filled()
        before = _rows(store)
        canceller = Canceller(store, script, everything=everything)

        async def work(at: int = at, canceller: Canceller = canceller, store: Store = store) -> None:
            with pytest.raises(asyncio.CancelledError):
                await canceller.run(run, at)

        asyncio.run(work())
        script.arm()
        now = _rows(store, erasing=name.startswith("purge"))
        where = f"at suspension {at} of {name}"
        if name in READS:
            assert now == before, where
        elif not name.startswith("purge"):
            for memory in before.keys() | after.keys():
                assert now.get(memory) in (before.get(memory), after.get(memory)), where
            if canceller.wrote and not everything and name not in ("delete user", "delete run"):
                assert now == after, f"a write that has begun is carried through, {where}"
        assert now["v"] == before["v"]
        asyncio.run(canceller.works_again(store))


# --- nonsense from the embedding model


class Answering:
    """An embedder that answers what it is told, or raises it."""

    identity = "answering"
    dims = 8

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def embed(self, texts: Any) -> Any:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    async def aembed(self, texts: Any) -> Any:
        return self.embed(texts)


NONSENSE = [
    None,
    5,
    1.5,
    True,
    "text",
    {},
    [None],
    [5],
    [0.5] * 8,
    ["12345678"],
    [[None] * 8],
    [[[1.0]] * 8],
    [{str(n): 1.0 for n in range(8)}],
    [[1e39] * 8],
    [[float("inf")] * 8],
    [[1.0] * 7 + ["x"]],
    [[1j] * 8],
    iter([[1.0] * 8]),
    RuntimeError("CUDA out of memory"),
    TimeoutError("30 s"),
    KeyError("data"),
    ConnectionResetError("peer"),
]


@pytest.mark.parametrize("awaits", [False, True], ids=["blocking", "awaiting"])
@pytest.mark.parametrize("answer", NONSENSE, ids=[f"{n}-{type(answer).__name__}" for n, answer in enumerate(NONSENSE)])
def test_nonsense_from_an_embedding_model_is_an_embedding_error_and_nothing_is_written(
    answer: Any, awaits: bool
) -> None:
    store, script = _filled()
    before = _rows(store)
    with ThreadPoolExecutor(1) as threads:
        driver = ThreadDriver(lambda: threads) if awaits else BlockingDriver()
        model = CheckedEmbedder(Answering(answer), driver, VectorCache())
        ports = replace(store.ports, embedder=model)
        for name in ("add", "update", "search"):
            with pytest.raises(EmbeddingError, match="answering") as caught:
                asyncio.run(ALL[name](ports))
            if isinstance(answer, Exception):
                assert type(caught.value.__cause__) is type(answer)
    assert not script.written
    assert _rows(store) == before


def test_an_error_of_ours_that_an_embedding_model_raises_stays_what_it_is() -> None:
    store, _ = _filled()
    with ThreadPoolExecutor(1) as threads:
        for raised in (EmbeddingError("mine"), ValidationError("too long")):
            model = CheckedEmbedder(Answering(raised), ThreadDriver(lambda: threads), VectorCache())
            with pytest.raises(type(raised)) as caught:
                asyncio.run(ALL["add"](replace(store.ports, embedder=model)))
            assert caught.value is raised


# --- batches written in part


class Partial(DictTable):
    """Writes the first two rows of each batch, then fails, while it is told to."""

    broken = False

    async def put(self, records: Any) -> None:
        await super().put(records[:2] if self.broken else records)
        self._fail([record.id for record in records])

    async def remove(self, keys: Any) -> None:
        await super().remove(list(keys)[:2] if self.broken else keys)
        self._fail(list(keys))

    def _fail(self, keys: list[str]) -> None:
        if self.broken and len(keys) > 2:
            raise PartialWriteError("2 rows", written=keys[:2], not_written=keys[2:]) from StoreError("refused")


def _partial() -> Iterator[tuple[str, Store]]:
    for broken in ("live", "history"):
        store, script = _filled()
        for name in ("live", "history"):
            table = Partial(name, script, page=10)
            table.rows = getattr(store, name).rows
            setattr(store, name, table)
        store.ports = replace(store.ports, live=store.live, history=store.history)
        yield broken, store


def _several(*ids: str) -> Run:
    return lambda p: operations.add(p, _said(*(f"text {i}" for i in ids)), user_id="u", infer=False, ids=list(ids))


PARTIAL: dict[str, Run] = {
    "add": _several("x", "y", "z", "w"),
    "add deleted": _several("b", "c", "a", "e"),
    "delete several": lambda p: operations.delete(p, memory_ids=["a", "b", "c", "v"]),
    "delete user": lambda p: operations.delete(p, user_id="u"),
    "purge several": lambda p: operations.delete(p, memory_ids=["a", "b", "c", "v"], purge=True),
    "purge user": lambda p: operations.delete_all(p, user_id="u", purge=True),
}


@pytest.mark.parametrize("name", PARTIAL)
def test_a_batch_written_in_part_tells_which_memories_are_changed_and_which_are_not(name: str) -> None:
    for broken, store in _partial():
        if name == "add deleted":
            asyncio.run(operations.delete(store.ports, memory_ids=["a", "b", "c"]))
        _break(store, broken)
        known = set(store.live.rows)
        failed: StoreError | None = None
        try:
            asyncio.run(PARTIAL[name](store.ports))
        except StoreError as error:
            failed = error
        assert (failed is None) == ((name, broken) == ("add", "history")), "nothing of the past is written there"
        _tells_the_truth(failed, changed=known ^ set(store.live.rows))
        _break(store, None)
        with suppress(NotFoundError):
            asyncio.run(PARTIAL[name](store.ports))
        _is_done(name, store)


def _break(store: Store, broken: str | None) -> None:
    for name in ("live", "history"):
        getattr(store, name).broken = name == broken


def _tells_the_truth(failed: StoreError | None, changed: set[str]) -> None:
    if isinstance(failed, PartialWriteError):
        assert set(failed.written) == changed
        assert not set(failed.not_written) & changed
        assert not [key for key in (*failed.written, *failed.not_written) if ":" in key], "ids, not rows of ours"
    elif failed is not None:
        assert not changed, failed


def _is_done(name: str, store: Store) -> None:
    if name.startswith("add"):
        assert {store.live.rows[i].memory[:4] for i in ("xyzw" if name == "add" else "bcae")} == {"text"}
    if "user" in name:
        assert not [row for row in store.live.rows.values() if row.user_id == "u"]
    if name == "purge user":
        assert not [row for row in store.history.rows.values() if row.user_id == "u"]
    _rows(store)
