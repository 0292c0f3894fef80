"""Conversion of Mem0's documents in Milvus and entries in ``history.db`` to rows of memories, without I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from typing import Any, cast

from mem0milvus.data.memory_row import MemoryRow, closed, content_hash
from mem0milvus.data.messages import check_metadata, check_text
from mem0milvus.data.quoting import shown
from mem0milvus.data.scope import SCOPE_FIELDS, check_id, check_memory_id
from mem0milvus.data.timestamps import FOREVER_US, parse_moment, to_us
from mem0milvus.errors import ValidationError
from mem0milvus.operations.transfer.dump_format import MemoryRows
from mem0milvus.types import Event

#: The keys of Mem0's documents that are not the caller's metadata.
_OWN_KEYS = frozenset(
    {
        *("data", "hash", "created_at", "updated_at", "id", "text_lemmatized"),
        *("user_id", "agent_id", "run_id", "actor_id", "role", "attributed_to", "expiration_date"),
    }
)

#: The length of the column ``role``.
_MAX_ROLE_BYTES = 32


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One entry of ``history.db``."""

    event: str  #: ``ADD``, ``UPDATE``, ``DELETE`` or ``NONE``
    text: str  #: the new text of the memory; empty for ``DELETE``
    created_at: str = ""  #: the creation time of the memory, as Mem0 wrote it, or empty
    updated_at: str = ""  #: the time of this change, as Mem0 wrote it, or empty
    actor_id: str = ""  #: the speaker
    role: str = ""  #: the speaker's role


@dataclass(frozen=True, slots=True)
class _Version:
    event: Event
    text: str
    at_us: int


def existing_memory(
    memory_id: str, document: Mapping[str, Any], history: Sequence[HistoryRow], seq: int = 0
) -> MemoryRows:
    """Return the rows of a memory that Mem0 has. Raise a ValidationError with the reason if it cannot be stored here.

    Mem0's history has texts and times only, so all versions get the metadata and scope of ``document``. The entries of
    ``history`` are oldest first; ``seq`` is the memory's position in its run.
    """
    text = check_text(document.get("data"), "its text")
    created_us = _created(document, history)
    changed_us = _moment(document.get("updated_at"), "updated_at") or created_us
    attributed = document.get("attributed_to")
    role = _role(document.get("role") or attributed)
    metadata = {key: value for key, value in document.items() if key not in _OWN_KEYS}
    if attributed and attributed != role:
        metadata["attributed_to"] = attributed
    versions = list(_versions(history, created_us)) or [_Version("ADD", text, created_us)]
    # Mem0 writes the history after the memory, so a kill between the two loses the entry.
    if (last := versions[-1]).text != text:
        event: Event = "ADD" if last.event == "DELETE" else "UPDATE"
        versions.append(_Version(event, text, max(changed_us, last.at_us + 1)))
    return _rows(
        memory_id,
        created_us,
        versions,
        **{name: _id(document, name) for name in (*SCOPE_FIELDS, "actor_id")},
        role=role,
        metadata=check_metadata(metadata),
        expires_at=_expiry(document.get("expiration_date")),
        seq=seq,
    )


def deleted_memory(memory_id: str, history: Sequence[HistoryRow]) -> MemoryRows:
    """Return the rows of a memory that Mem0 has deleted. They have no scope, because Mem0's history has none.

    Raise a ValidationError with the reason if it cannot be stored here.
    """
    created_us = _created({}, history)
    actor_id = _id({"actor_id": history[0].actor_id}, "actor_id")
    versions = list(_versions(history, created_us))
    return _rows(memory_id, created_us, versions, actor_id=actor_id, role=_role(history[0].role))


def created_us(document: Mapping[str, Any]) -> int:
    """Return the creation time of a memory, to sort a run by; 0 if it is missing or invalid."""
    try:
        return _created(document, ())
    except ValidationError:
        return 0


def _versions(history: Sequence[HistoryRow], created_at_us: int) -> Iterator[_Version]:
    """Yield the changes of a history, each later than the one before."""
    last_us = created_at_us - 1
    for entry in history:
        if entry.event not in ("ADD", "UPDATE", "DELETE"):
            continue  # Mem0 records "NONE" if its language model changed nothing
        if entry.event != "DELETE":
            check_text(entry.text, "a text in its history")
        changed_us = created_at_us if last_us < created_at_us else _moment(entry.updated_at, "updated_at")
        last_us = max(changed_us, last_us + 1)
        yield _Version(cast("Event", entry.event), "" if entry.event == "DELETE" else entry.text, last_us)


def _rows(memory_id: str, created_us: int, versions: Sequence[_Version], **columns: Any) -> MemoryRows:
    base = MemoryRow(
        id=check_memory_id(memory_id, "its id"),
        memory="",
        hash="",
        created_at=created_us,
        valid_from=created_us,
        observed_at=created_us,
        **columns,
    )
    rows = [
        replace(
            base,
            version=number,
            event=version.event,
            memory=version.text,
            hash=content_hash(version.text) if version.text else "",
            metadata={} if version.event == "DELETE" else base.metadata,
            valid_from=version.at_us,
            updated_at=version.at_us if number > 1 else 0,
        )
        for number, version in enumerate(versions, start=1)
    ]
    ends = [version.at_us for version in versions[1:]]
    return MemoryRows(rows[-1], [closed(row, end) for row, end in zip(rows[:-1], ends, strict=True)])


def _created(document: Mapping[str, Any], history: Sequence[HistoryRow]) -> int:
    given = document.get("created_at") or next((entry.created_at for entry in history if entry.created_at), "")
    if not given:
        raise ValidationError("Mem0 has no creation time for it")
    return _moment(given, "created_at")


def _moment(value: object, name: str) -> int:
    return parse_moment(value, name) if value else 0


def _id(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if value is None or value == "":
        return ""
    return check_id(str(value) if isinstance(value, (int, float)) else value, name)


def _role(value: object) -> str:
    role = value if isinstance(value, str) else ""
    if len(role.encode()) > _MAX_ROLE_BYTES:
        raise ValidationError(f"its role {role[:40]!r} is longer than {_MAX_ROLE_BYTES} bytes")
    return role


def _expiry(value: object) -> int:
    """Return the end of the last day on which Mem0 shows a memory."""
    if not value:
        return FOREVER_US
    try:
        after = date.fromisoformat(str(value)) + timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise ValidationError(f"expiration_date={shown(value)} is not a date") from error
    return to_us(datetime(after.year, after.month, after.day, tzinfo=timezone.utc))
