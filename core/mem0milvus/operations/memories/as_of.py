"""Which rows are memories: those alive now, or those that were at an earlier moment.

For an earlier moment, a memory's version of then is a row of the past or, when nothing has changed since, the live one.
A closed row counts only where a later version was really recorded: below the live row's version, or below
the tombstone's where there is no live row. A write that was interrupted between its two steps leaves a closed
row behind that does not count.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from mem0milvus.data.memory_row import MemoryRow, memory_id_of
from mem0milvus.data.timestamps import parse_moment
from mem0milvus.errors import ValidationError
from mem0milvus.ports import Hit, Ports, Probe
from mem0milvus.retrieval.filters import Filter, all_of, at_most, equals, greater_than, negation
from mem0milvus.types import Consistency, Moment


@dataclass(frozen=True, slots=True)
class View:
    """The memories that can be seen at a moment.

    Attributes:
        moment_us: the moment.
        past: whether it is an earlier one, so that past versions count.
        consistency: how fresh reads must be; None for as fresh as a write needs to know them.
    """

    moment_us: int
    past: bool
    consistency: Consistency | None = None


def read_view(ports: Ports, as_of: Moment | None, consistency: Consistency | None = None) -> View:
    """The view that ``as_of`` asks for.

    Raises:
        ValidationError: it is no moment, or lies in the future; or the consistency is unknown.
    """
    if consistency not in (None, "Strong", "Session", "Bounded", "Eventually"):
        raise ValidationError(f"consistency={consistency!r}; known are Strong, Session, Bounded, Eventually.")
    level = consistency or ports.consistency
    now_us = ports.clock.now_us()
    if as_of is None:
        return View(now_us, past=False, consistency=level)
    moment_us = parse_moment(as_of, "as_of")
    if moment_us > now_us:
        raise ValidationError(f"as_of={as_of!r} lies in the future.")
    return View(moment_us, past=True, consistency=level)


async def pages(
    ports: Ports, view: View, where: Filter | None, *, vectors: bool = False
) -> AsyncGenerator[list[MemoryRow], None]:
    """The memories in view that the filter lets through."""
    async for page in ports.live.pages(_in_live(view, where), vectors=vectors, consistency=view.consistency):
        yield page
    if view.past:
        async for page in ports.history.pages(_in_past(view, where), vectors=vectors, consistency=view.consistency):
            yield await _counting(ports, page)


async def search(
    ports: Ports, view: View, probes: Sequence[Probe], where: Filter | None, limit: int
) -> list[list[Hit[MemoryRow]]]:
    """The nearest memories in view for each probe, best first."""
    found = await ports.live.search(probes, _in_live(view, where), limit=limit, consistency=view.consistency)
    if not view.past:
        return found
    past = await ports.history.search(probes, _in_past(view, where), limit=limit, consistency=view.consistency)
    counting = await _counting(ports, [hit.row for hits in past for hit in hits])
    kept = {record.id for record in counting}
    smaller_is_closer = ports.metric == "L2"
    merged = []
    for probe, live_hits, past_hits in zip(probes, found, past, strict=True):
        hits = [*live_hits, *(hit for hit in past_hits if hit.row.id in kept)]
        ascending = smaller_is_closer and probe.field == "vector"
        merged.append(sorted(hits, key=lambda hit: hit.distance, reverse=not ascending)[:limit])
    return merged


def _in_live(view: View, where: Filter | None) -> Filter | None:
    recorded = at_most("valid_from", view.moment_us) if view.past else None
    return all_of(where, recorded, greater_than("expires_at", view.moment_us))


def _in_past(view: View, where: Filter | None) -> Filter | None:
    return all_of(
        where,
        at_most("valid_from", view.moment_us),
        greater_than("valid_to", view.moment_us),
        greater_than("expires_at", view.moment_us),
        negation(equals("event", "DELETE")),
    )


async def _counting(ports: Ports, closed: Sequence[MemoryRow]) -> list[MemoryRow]:
    """Those of some closed rows that count."""
    ids = list({memory_id_of(record.id) for record in closed})
    live = await ports.live.get(ids)
    deleted = await ports.history.get([i for i in ids if i not in live])
    latest = {**deleted, **live}
    return [
        record
        for record in closed
        if (now := latest.get(memory_id_of(record.id))) is not None and record.version < now.version
    ]
