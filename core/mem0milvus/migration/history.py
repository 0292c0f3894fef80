"""A reader of Mem0's ``history.db``, a SQLite file that is not changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from urllib.parse import quote

from mem0milvus.errors import StoreError, ValidationError
from mem0milvus.migration.mapping import HistoryRow

#: The columns that every version of Mem0 has written.
_NEEDED = ("memory_id", "new_memory", "event")

#: The columns that some versions lack.
_OPTIONAL = ("created_at", "updated_at", "actor_id", "role")

#: Memories whose entries are read in one query.
_IDS_AT_ONCE = 500


class Mem0History:
    """A ``history.db``, open for reading. If the file is missing or not Mem0's, opening it is a ``ValidationError``.

    Every method raises a ``StoreError`` if the file cannot be read.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self._path = Path(path).expanduser()
        if not self._path.is_file():
            raise ValidationError(
                f"There is no history.db at {path}. Leave it out to migrate the memories without histories."
            )
        try:
            self._database = sqlite3.connect(f"file:{quote(str(self._path.absolute()))}?mode=ro", uri=True)
        except sqlite3.Error as error:
            raise StoreError(f"{path} cannot be opened: {error}.") from error
        try:
            self._prepare()
        except (sqlite3.DatabaseError, ValidationError) as error:
            self._database.close()
            if isinstance(error, ValidationError):
                raise
            raise ValidationError(f"{path} cannot be read as a SQLite file: {error}.") from error

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _prepare(self) -> None:
        """Copy the table into a temporary one with an index: Mem0's own has no index by memory."""
        columns = {row[1] for row in self._database.execute("PRAGMA table_info(history)")}
        if not columns:
            raise ValidationError(f"{self._path} has no table history: it is not Mem0's.")
        if missing := [name for name in _NEEDED if name not in columns]:
            raise ValidationError(f"The history in {self._path} has no column {missing[0]}: it is not Mem0's.")
        optional = (name if name in columns else f"NULL AS {name}" for name in _OPTIONAL)
        names = ", ".join((*_NEEDED, *optional))
        self._database.execute(f"CREATE TEMP TABLE entries AS SELECT {names} FROM history ORDER BY rowid")  # noqa: S608
        self._database.execute("CREATE INDEX temp.by_memory ON entries (memory_id)")

    def entries(self, memory_ids: Sequence[str]) -> dict[str, list[HistoryRow]]:
        """Return the entries of memories by id, oldest first."""
        found: dict[str, list[HistoryRow]] = {}
        for start in range(0, len(memory_ids), _IDS_AT_ONCE):
            some = memory_ids[start : start + _IDS_AT_ONCE]
            marks = ", ".join("?" * len(some))
            columns = "memory_id, event, new_memory, created_at, updated_at, actor_id, role"
            statement = f"SELECT {columns} FROM entries WHERE memory_id IN ({marks}) ORDER BY rowid"  # noqa: S608
            for memory_id, event, *rest in self._all(statement, some):
                row = HistoryRow(str(event or ""), *("" if value is None else str(value) for value in rest))
                found.setdefault(memory_id, []).append(row)
        return found

    def last_events(self) -> Iterator[dict[str, str]]:
        """Yield the last event of each memory, by id, in pages."""
        after = ""
        last = "SELECT max(rowid) FROM entries WHERE memory_id > ? GROUP BY memory_id ORDER BY memory_id LIMIT ?"
        statement = f"SELECT memory_id, event FROM entries WHERE rowid IN ({last}) ORDER BY memory_id"  # noqa: S608
        while rows := self._all(statement, (after, _IDS_AT_ONCE)):
            yield {memory_id: event for memory_id, event, *_ in rows}
            after = rows[-1][0]

    def _all(self, statement: str, values: Sequence[object] = ()) -> list[tuple[str, ...]]:
        try:
            return self._database.execute(statement, tuple(values)).fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"{self._path} cannot be read: {error}.") from error
