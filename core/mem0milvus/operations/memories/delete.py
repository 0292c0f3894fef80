"""Deleting memories, with or without their past."""

from __future__ import annotations

from collections.abc import Sequence

from mem0milvus.data.memory_row import MemoryRow, change_moment, closed, memory_id_of, tombstone, version_key
from mem0milvus.data.scope import Scope, check_memory_id, read_scope, require_scope
from mem0milvus.errors import NotFoundError, PartialWriteError, StoreError, ValidationError
from mem0milvus.operations.memories.update import unknown_id
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
    """See ``Memory.delete``."""
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
    """See ``Memory.delete_all``."""
    scope = read_scope(user_id, agent_id, run_id)
    require_scope(scope, "delete_all")
    deleted = 0
    while count := await _delete_pass(ports, scope, purge):
        deleted += count
    if purge:
        await _erase_past(ports, scope)
    return {"message": f"{deleted} memories deleted successfully!", "deleted": deleted}


async def reset(ports: Ports) -> Outcome:
    """See ``Memory.reset``."""
    await ports.shield(ports.empty())
    return {"message": "Memory reset successfully!"}


def _read_ids(memory_ids: Sequence[str] | Unset) -> list[str]:
    if isinstance(memory_ids, str) or not isinstance(memory_ids, Sequence):
        raise ValidationError(f"memory_ids must be a list of ids, not {type(memory_ids).__name__}.")
    if not memory_ids:
        raise ValidationError("memory_ids is an empty list: there is nothing to delete.")
    return list(dict.fromkeys(check_memory_id(i, f"memory_ids[{n}]") for n, i in enumerate(memory_ids)))


async def _delete_ids(ports: Ports, memory_ids: Sequence[str], purge: bool) -> int:
    """Delete these memories, or none of them when one does not exist."""
    async with ports.locks.hold(memory_ids):
        there = await ports.live.get(memory_ids, vectors=not purge)
        if purge:  # a deleted memory has a past to erase
            gone = await ports.history.get([i for i in memory_ids if i not in there])
            there = {**there, **gone}
        missing = [memory_id for memory_id in memory_ids if memory_id not in there]
        if missing:
            others = f" (and {len(missing) - 1:,} more are unknown)" if len(missing) > 1 else ""
            raise NotFoundError(f"{unknown_id(missing[0])}{others} Nothing was deleted.")
        await _delete_records(ports, list(there.values()), purge)
    return len(there)


async def _delete_pass(ports: Ports, scope: Scope, purge: bool) -> int:
    """Go through the memories of a scope once, a page at a time, and delete them. Returns how many there were.

    What other processes wrote up to now is deleted as well.
    """
    deleted = 0
    async for page in ports.live.pages(in_scope(scope), only=(), consistency="Strong"):
        deleted += await ports.shield(_delete_page(ports, [record.id for record in page], scope, purge))
    return deleted


async def _delete_page(ports: Ports, memory_ids: Sequence[str], scope: Scope, purge: bool) -> int:
    async with ports.locks.hold(memory_ids):
        there = (await ports.live.get(memory_ids, vectors=not purge, consistency="Strong")).values()
        inside = [record for record in there if scope.holds(record)]
        await _delete_records(ports, inside, purge)
    return len(inside)


async def _delete_records(ports: Ports, records: Sequence[MemoryRow], purge: bool) -> None:
    if purge:
        await erase(ports, records)
        return
    now_us = ports.clock.now_us()
    moments = [change_moment(record, now_us) for record in records]
    keep = [closed(record, moment) for record, moment in zip(records, moments, strict=True)]
    mark = [tombstone(record, moment) for record, moment in zip(records, moments, strict=True)]
    try:
        await ports.history.put([*keep, *mark])
    except PartialWriteError as error:  # harmless: past rows count only once the live row is gone
        raise StoreError(f"Nothing was deleted: {error.__cause__}") from error
    await ports.live.remove([record.id for record in records])


async def erase(ports: Ports, records: Sequence[MemoryRow]) -> None:
    """Erase memories with all their versions. Their latest row, which tells how many there are, goes last."""
    keys = [version_key(memory_id_of(r.id), version) for r in records for version in range(1, r.version + 1)]
    ids = [memory_id_of(record.id) for record in records]
    try:
        await ports.history.remove(keys)
    except PartialWriteError as error:
        raise PartialWriteError(
            f"No memory was deleted, but some of their past versions are erased, then Milvus failed: {error.__cause__} "
            "It is safe to do the whole again.",
            written=(),
            not_written=ids,
        ) from error
    await ports.live.remove(ids)
    await ports.history.remove(ids)


async def _erase_past(ports: Ports, scope: Scope) -> None:
    """Erase what is left of a scope's memories that were deleted earlier."""
    async for page in ports.history.pages(in_scope(scope), only=(), consistency="Strong"):
        await ports.history.remove([record.id for record in page])
