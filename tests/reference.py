"""The store as a dict: a small ``ports.Table`` to test operations with, and to compare Milvus with."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mem0milvus.data.memory_row import MemoryRow
from mem0milvus.operations.extraction.rules import RuleExtractor
from mem0milvus.ports import Hit, Job, Ports, Probe
from mem0milvus.retrieval.filters import Filter, matches
from mem0milvus.retrieval.ranking.calibration import GENERIC, Calibration
from mem0milvus.runtime.blocking_driver import run
from mem0milvus.runtime.locks import BlockingLocks, LockTable
from mem0milvus.runtime.positions import RunPositions
from mem0milvus.types import FlushOutcome, Vector

#: Called before and after each step: ``hook("live.put", "before")``. What it raises, the step raises.
Hook = Callable[[str, str], None]


class DictTable:
    """Rows in a dict, with the semantics that ``ports.Table`` promises."""

    searches_words = True

    def __init__(self, name: str, hook: Hook, page: int = 2) -> None:
        self.rows: dict[str, MemoryRow] = {}
        self._name = name
        self._hook = hook
        self._page = page

    async def _step(self, method: str, act: Callable[[], Any]) -> Any:
        self._hook(f"{self._name}.{method}", "before")
        result = act()
        self._hook(f"{self._name}.{method}", "after")
        return result

    async def get(
        self, keys: Collection[str], *, vectors: bool = False, consistency: Any = None
    ) -> dict[str, MemoryRow]:
        return await self._step(  # type: ignore[no-any-return]
            "get", lambda: {k: _read(self.rows[k], vectors) for k in keys if k in self.rows}
        )

    async def put(self, records: Sequence[MemoryRow]) -> None:
        await self._step("put", lambda: self.rows.update({r.id: r for r in records}))

    async def remove(self, keys: Collection[str]) -> None:
        await self._step("remove", lambda: [self.rows.pop(k, None) for k in keys])

    async def pages(
        self,
        where: Filter | None,
        *,
        vectors: bool = False,
        only: Sequence[str] | None = None,
        consistency: Any = None,
    ) -> AsyncGenerator[list[MemoryRow], None]:
        after = ""
        while True:
            page = await self._step("pages", lambda: self._matching(where, after)[: self._page])  # noqa: B023
            if page:
                yield [_read(record, vectors, only) for record in page]
            if len(page) < self._page:
                return
            after = page[-1].id

    async def search(
        self, probes: Sequence[Probe], where: Filter | None, *, limit: int, consistency: Any = None
    ) -> list[list[Hit]]:
        return await self._step("search", lambda: [self._nearest(p, where)[:limit] for p in probes])  # type: ignore[no-any-return]

    def _matching(self, where: Filter | None, after: str = "") -> list[MemoryRow]:
        rows = sorted((r for r in self.rows.values() if r.id > after), key=lambda r: r.id)
        return [r for r in rows if where is None or matches(where, _columns(r))]

    def _nearest(self, probe: Probe, where: Filter | None) -> list[Hit]:
        hits = []
        for record in self._matching(where):
            if isinstance(probe.value, Mapping):
                overlap = sum(w * record.words.get(t, 0.0) for t, w in probe.value.items())
                if overlap > 0:
                    hits.append(Hit(record, overlap))
            else:
                distance = sum((a - b) ** 2 for a, b in zip(record.vector, probe.value, strict=True))
                hits.append(Hit(record, distance))
        closest_first = not isinstance(probe.value, Mapping)
        return sorted(hits, key=lambda hit: hit.distance if closest_first else -hit.distance)


def _columns(record: MemoryRow) -> dict[str, Any]:
    return {name: getattr(record, name) for name in type(record).__dataclass_fields__}


def _read(record: MemoryRow, vectors: bool, only: Sequence[str] | None = None) -> MemoryRow:
    """A row as it is read: without what was not asked for."""
    if only is not None:
        columns = _columns(record)
        return type(record)(**{name: v if name in ("id", *only) else type(v)() for name, v in columns.items()})
    return record if vectors else replace(record, vector=(), words={})


class Letters:
    """An embedder port: how often each letter of a to h stands in a text, scaled to unit length."""

    def __init__(self, hook: Hook) -> None:
        self._hook = hook

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        self._hook("embedder.embed", "before")
        vectors: list[Vector] = []
        for text in texts:
            counts = [text.count(letter) + 0.01 for letter in "abcdefgh"]
            length = sum(c * c for c in counts) ** 0.5
            vectors.append([c / length for c in counts])
        self._hook("embedder.embed", "after")
        return vectors

    async def embed_queries(self, texts: Sequence[str]) -> list[Vector]:
        return await self.embed(texts)

    async def calibration(self) -> Calibration:
        return GENERIC


class Ticking:
    """A clock that moves on by a millisecond each time it is asked."""

    def __init__(self) -> None:
        self.time_us = 1_700_000_000_000_000

    def now_us(self) -> int:
        self.time_us += 1_000
        return self.time_us


class AtOnce:
    """A background port that does everything in the foreground."""

    default = False
    durable = False

    async def submit(self, scope: Any, job: Job) -> str:
        await job()
        return "ticket"

    async def flush(self, timeout_s: float | None) -> FlushOutcome:
        return {"written": 0, "failed": [], "waiting": 0}

    async def close(self) -> None:
        """Nothing is under way."""


class Store:
    """Both tables, and ports over them."""

    def __init__(self, hook: Hook = lambda step, moment: None) -> None:
        self.live = DictTable("live", hook)
        self.history = DictTable("history", hook)
        self.ports = Ports(
            live=self.live,
            history=self.history,
            embedder=Letters(hook),
            extractor=RuleExtractor(),
            locks=BlockingLocks(LockTable()),
            positions=RunPositions(),
            clock=Ticking(),
            shield=_inline,
            background=AtOnce(),
            empty=self._empty,
            compact=self._compact,
            metric="L2",
            dims=8,
        )

    async def _compact(self) -> None:
        """A dict keeps nothing of what was deleted."""

    async def _empty(self) -> None:
        self.live.rows.clear()
        self.history.rows.clear()

    def run(self, operation: Callable[..., Coroutine[Any, Any, Any]], *args: Any, **kwargs: Any) -> Any:
        """Run one operation to its end. It never waits, so it needs no event loop, which would take a millisecond."""
        return run(operation(self.ports, *args, **kwargs))


async def _inline(step: Coroutine[Any, Any, Any]) -> Any:
    return await step
