"""Deleting memories, which keeps their history, or erasing them with it (``purge``)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from mem0milvus.data.memory_row import MemoryRow, change_moment, closed, memory_id_of, tombstone, version_key
from mem0milvus.data.scope import Scope, check_memory_id, read_scope, require_scope
from mem0milvus.errors import NotFoundError, PartialWriteError, StoreError, ValidationError
from mem0milvus.operations.memories.latest_rows import latest_rows, unknown_id
from mem0milvus.operations.removal import remove_pages
from mem0milvus.ports import Ports
from mem0milvus.retrieval.filters.scope_filters import in_scope
from mem0milvus.types import UNSET, DeleteOutcome, Outcome, ScopeId, Unset


async def delete(
    ports: Ports,
    memory_id: str | Unset = UNSET,
    *,
    memory_ids: Sequence[str] | Unset = UNSET,
    user_id: ScopeId = UNSET,
    purge: bool = False,
) -> DeleteOutcome:
    """Delete one memory, several, or all of a user."""
    forms = {"memory_id": memory_id, "memory_ids": memory_ids, "user_id": user_id}
    given = [name for name, value in forms.items() if not isinstance(value, Unset)]
    if len(given) != 1:
        raise ValidationError(
            "delete takes exactly one of memory_id, memory_ids and user_id, and was given "
            f"{' and '.join(given) or 'none'}. Nothing was deleted."
        )
    if not isinstance(user_id, Unset):
        return await delete_all(ports, user_id=user_id, purge=purge)
    if not isinstance(memory_id, Unset):
        deleted = await ports.shield(_delete_ids(ports, [check_memory_id(memory_id)], purge))
        return {"message": "Memory deleted successfully!", "deleted": deleted}
    deleted = await ports.shield(_delete_ids(ports, _read_ids(memory_ids), purge))
    return {"message": f"{deleted} memories deleted successfully!", "deleted": deleted}


async def delete_all(
    ports: Ports,
    *,
    user_id: ScopeId = UNSET,
    agent_id: ScopeId = UNSET,
    run_id: ScopeId = UNSET,
    purge: bool = False,
) -> DeleteOutcome:
    """Delete all memories of a scope."""
    scope = read_scope(user_id, agent_id, run_id)
    require_scope(scope, "delete_all")
    deleted = 0
    # Other processes may add memories during a pass, behind the page just read: repeat until a pass finds none.
    while count := await _delete_pass(ports, scope, purge):
        deleted += count
    if purge:
        await _erase_history(ports, scope)
    return {"message": f"{deleted} memories deleted successfully!", "deleted": deleted}


async def reset(ports: Ports) -> Outcome:
    """Drop everything and create empty tables."""
    await ports.shield(ports.empty())
    return {"message": "Memory reset successfully!"}


def _read_ids(memory_ids: Sequence[str] | Unset) -> list[str]:
    if isinstance(memory_ids, str) or not isinstance(memory_ids, Sequence):
        raise ValidationError(f"memory_ids must be a list of ids, not {type(memory_ids).__name__}.")
    if not memory_ids:
        raise ValidationError("memory_ids is an empty list: there is nothing to delete.")
    return list(dict.fromkeys(check_memory_id(i, f"memory_ids[{n}]") for n, i in enumerate(memory_ids)))


async def _delete_ids(ports: Ports, memory_ids: Sequence[str], purge: bool) -> int:
    """Delete these memories, or none of them if one does not exist. Return their number."""
    async with ports.locks.hold(memory_ids):
        # A deleted memory can still be purged: its history is what is left to erase.
        rows = await (latest_rows(ports, memory_ids) if purge else ports.live.get(memory_ids, vectors=True))
        missing = [memory_id for memory_id in memory_ids if memory_id not in rows]
        if missing:
            others = f" (and {len(missing) - 1:,} more are unknown)" if len(missing) > 1 else ""
            raise NotFoundError(f"{unknown_id(missing[0])}{others} Nothing was deleted.")
        await _delete_rows(ports, list(rows.values()), purge)
    return len(rows)


async def _delete_pass(ports: Ports, scope: Scope, purge: bool) -> int:
    """Delete the memories of a scope in one pass and return their number.

    Between listing and locking, an id may have been deleted and given to a memory of another scope: check the scope of
    each row anew, or one user's ``delete_all`` would delete another user's memory.
    """
    delete_page = partial(_delete_rows, ports, purge=purge)
    pages = remove_pages(ports, ports.live, in_scope(scope), scope.holds, delete_page, vectors=not purge)
    return sum([len(rows) async for rows in pages])


async def _delete_rows(ports: Ports, rows: Sequence[MemoryRow], purge: bool) -> None:
    if purge:
        await erase(ports, rows)
        return
    now_us = ports.clock.now_us()
    ends = [(row, change_moment(row, now_us)) for row in rows]
    try:
        await ports.history.put([*(closed(row, end) for row, end in ends), *(tombstone(row, end) for row, end in ends)])
    except PartialWriteError as error:  # harmless: closed versions and tombstones are ignored while the live row exists
        raise StoreError(f"Nothing was deleted: {error.__cause__}") from error
    await ports.live.remove([row.id for row in rows])


async def erase(ports: Ports, rows: Sequence[MemoryRow]) -> None:
    """Erase memories with all their versions, given the latest row of each.

    The latest row is removed last: its version says how many closed versions there are, so an interrupted erasure can
    be repeated.
    """
    keys = [version_key(memory_id_of(row.id), version) for row in rows for version in range(1, row.version + 1)]
    ids = [memory_id_of(row.id) for row in rows]
    try:
        await ports.history.remove(keys)
    except PartialWriteError as error:
        raise PartialWriteError(
            "No memory was deleted, but some of their earlier versions were erased before Milvus failed: "
            f"{error.__cause__} It is safe to call this again.",
            written=(),
            not_written=ids,
        ) from error
    await ports.live.remove(ids)
    await ports.history.remove(ids)


async def _erase_history(ports: Ports, scope: Scope) -> None:
    """Erase the history of those memories of a scope that were deleted earlier."""
    async for page in ports.history.pages(in_scope(scope), only=(), consistency="Strong"):
        await ports.history.remove([row.id for row in page])
