"""Reading the memories of now, or the memories as they were at an earlier point in time.

At an earlier point in time, a memory's version is a row of the history or, if nothing has changed since, its live row.
A closed version is valid only if a later version was recorded: its number is below that of the memory's latest row.
An update writes the closed version first and the live row second, so an update that fails between the two leaves a
closed version with the number of the live row; it is ignored.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from mem0milvus.data.memory_row import MemoryRow, memory_id_of
from mem0milvus.data.quoting import shown
from mem0milvus.data.timestamps import parse_moment
from mem0milvus.errors import ValidationError
from mem0milvus.operations.memories.latest_rows import latest_rows
from mem0milvus.ports import Hit, Ports, Probe
from mem0milvus.retrieval.filters import Filter, all_of, at_most, equals, greater_than, negation
from mem0milvus.types import Consistency, Moment


@dataclass(frozen=True, slots=True)
class View:
    """The memories valid at one point in time."""

    moment_us: int  #: the point in time, in microseconds since 1970 UTC
    is_historical: bool = False  #: True for an earlier point in time, so that closed versions are read as well
    #: the consistency of reads; None for that of writes, which see at least what this process wrote
    consistency: Consistency | None = None


def read_view(ports: Ports, as_of: Moment | None, consistency: Consistency | None = None) -> View:
    """Return the view for these arguments, or raise a ValidationError if one is wrong or ``as_of`` is in the future."""
    if consistency not in (None, "Strong", "Session", "Bounded", "Eventually"):
        raise ValidationError(f"consistency={shown(consistency)}; known are Strong, Session, Bounded, Eventually.")
    level = consistency or ports.consistency
    now_us = ports.clock.now_us()
    if as_of is None:
        return View(now_us, consistency=level)
    moment_us = parse_moment(as_of, "as_of")
    if moment_us > now_us:
        raise ValidationError(f"as_of={shown(as_of)} lies in the future.")
    return View(moment_us, is_historical=True, consistency=level)


async def pages_as_of(
    ports: Ports, view: View, where: Filter | None, *, vectors: bool = False
) -> AsyncGenerator[list[MemoryRow], None]:
    """Yield the rows of the view that match the filter, a page at a time."""
    async for page in ports.live.pages(_live_filter(view, where), vectors=vectors, consistency=view.consistency):
        yield page
    if view.is_historical:
        closed = ports.history.pages(_history_filter(view, where), vectors=vectors, consistency=view.consistency)
        async for page in closed:
            yield await _valid_versions(ports, page)


async def search_as_of(
    ports: Ports, view: View, probes: Sequence[Probe], where: Filter | None, limit: int
) -> list[list[Hit[MemoryRow]]]:
    """Return the nearest rows of the view for each probe, best first, at most ``limit`` each."""
    live = await ports.live.search(probes, _live_filter(view, where), limit=limit, consistency=view.consistency)
    if not view.is_historical:
        return live
    closed = await ports.history.search(probes, _history_filter(view, where), limit=limit, consistency=view.consistency)
    valid = {row.id for row in await _valid_versions(ports, [hit.row for hits in closed for hit in hits])}
    merged = []
    for probe, live_hits, closed_hits in zip(probes, live, closed, strict=True):
        hits = [*live_hits, *(hit for hit in closed_hits if hit.row.id in valid)]
        ascending = ports.metric == "L2" and probe.field == "vector"  # of other metrics, the greater value is closer
        merged.append(sorted(hits, key=lambda hit: hit.distance, reverse=not ascending)[:limit])
    return merged


def _live_filter(view: View, where: Filter | None) -> Filter | None:
    recorded = at_most("valid_from", view.moment_us) if view.is_historical else None
    return all_of(where, recorded, greater_than("expires_at", view.moment_us))


def _history_filter(view: View, where: Filter | None) -> Filter | None:
    return all_of(
        where,
        at_most("valid_from", view.moment_us),
        greater_than("valid_to", view.moment_us),
        greater_than("expires_at", view.moment_us),
        negation(equals("event", "DELETE")),
    )


async def _valid_versions(ports: Ports, closed: Sequence[MemoryRow]) -> list[MemoryRow]:
    """Return the closed versions that a later version has replaced."""
    latest = await latest_rows(ports, {memory_id_of(row.id) for row in closed})
    return [
        row for row in closed if (now := latest.get(memory_id_of(row.id))) is not None and row.version < now.version
    ]
