"""``dump``, ``load`` and ``reembed``, line by line and round by round: files, tables and the replacement are in memory.

The tables are those of ``tests/reference.py``.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from mem0milvus import StoreError, ValidationError, operations
from mem0milvus.data.memory_row import MemoryRow, closed, content_hash, tombstone
from mem0milvus.data.namespaces import part_id, record_id
from mem0milvus.data.record_row import RecordRow
from mem0milvus.data.timestamps import to_iso
from mem0milvus.operations.extraction.pending_state import PendingExtraction
from mem0milvus.operations.transfer import import_rows
from mem0milvus.operations.transfer.dump_format import (
    HEADER_BYTES,
    UNREADABLE,
    Header,
    MemoryRows,
    RecordRows,
    memory_lines,
    read_header,
    read_row,
    record_line,
)
from mem0milvus.ports import Origin, RecordPorts, Transfer
from mem0milvus.runtime.locks import AsyncLocks, LockTable
from tests.reference import DictTable, Letters, Store

T = 1_700_000_000_000_000
DUMP_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
OURS = Origin("memories", "letters", 8)


# --- lines


def memory(memory_id: str = "m", text: str = "x", **columns: Any) -> MemoryRow:
    """A row as it was added at ``T``."""
    times = {"created_at": T, "valid_from": T, "observed_at": T}
    vector = [1.0, *[0.0] * 7]
    return MemoryRow(
        **{"id": memory_id, "memory": text, "hash": content_hash(text), "vector": vector, **times, **columns}
    )


def with_history(memory_id: str, *texts: str, deleted: bool = False, **columns: Any) -> MemoryRows:
    """A memory whose versions have these texts, one each second."""
    versions = []
    for number, text in enumerate(texts):
        start_us = T + number * 1_000_000
        event = "UPDATE" if number else "ADD"
        row = memory(memory_id, text, version=number + 1, event=event, created_at=T, valid_from=start_us, **columns)
        versions.append(replace(row, updated_at=start_us if number else 0))
    ends = [closed(row, T + (number + 1) * 1_000_000) for number, row in enumerate(versions)]
    if deleted:
        return MemoryRows(replace(tombstone(versions[-1], T + len(texts) * 1_000_000), words={}), ends)
    return MemoryRows(versions[-1], ends[:-1])


def record(key: str, *texts: str, **columns: Any) -> RecordRows:
    """A record as it was put at ``T``; the text "" stands for a vector that was given without one."""
    first = RecordRow(id=record_id("n/", key), namespace="n/", parts=len(texts), created_at=T, updated_at=T, **columns)
    rows = [
        replace(
            first,
            id=part_id(first.id, part),
            part=part,
            text=text,
            vector=[0.0, 1.0, *[0.0] * 6],
        )
        for part, text in enumerate(texts)
    ]
    return RecordRows(rows or [first])


MOMENT = to_iso(T)
LATER = to_iso(T + 1_000_000)


def test_a_line_has_what_differs_from_the_default() -> None:
    ((kind, line),) = memory_lines(MemoryRows(memory(text="x ☂")), vectors=False)
    assert kind == "memory"
    assert json.loads(line) == {
        "kind": "memory",
        "id": "m",
        "memory": "x ☂",
        "created_at": MOMENT,
        "valid_from": MOMENT,
        "observed_at": MOMENT,
        "event": "ADD",
        "version": 1,
    }
    assert "☂" in line.decode(), "a person can read it"
    assert line.endswith(b"\n")


def test_the_line_of_a_deletion_has_no_text() -> None:
    (_, (kind, line)) = memory_lines(with_history("m", "x", deleted=True), vectors=True)
    assert kind == "deleted"
    assert json.loads(line) == {
        "kind": "deleted",
        "id": "m",
        "created_at": MOMENT,
        "updated_at": LATER,
        "valid_from": LATER,
        "observed_at": MOMENT,
        "event": "DELETE",
        "version": 2,
    }


@pytest.mark.parametrize("vectors", [True, False])
@pytest.mark.parametrize(
    "rows",
    [
        with_history("m", "x", "y", metadata={"ü": [1, None]}, user_id="u", run_id="r", seq=3, role="user"),
        with_history("m", "x", "y", deleted=True),
    ],
)
def test_a_memory_is_read_as_it_was_written(rows: MemoryRows, vectors: bool) -> None:
    lines = memory_lines(rows, vectors=vectors)
    read = [read_row(line) for _, line in lines]
    assert [kind for kind, _ in read] == [kind for kind, _ in lines]
    kept = [row if vectors and row.event != "DELETE" else replace(row, vector=()) for row in rows.rows]
    assert [row for _, row in read] == kept


@pytest.mark.parametrize("vectors", [True, False])
def test_a_record_is_read_as_it_was_written(vectors: bool) -> None:
    for rows in (record("a/b", "one", "zwei ☂", metadata={"v": 1}), record("k", "", seq=2, ttl_us=5), record("k")):
        kind, line = record_line(rows, vectors=vectors)
        kept = [row if vectors or not row.text else replace(row, vector=()) for row in rows.rows]
        assert read_row(line) == (kind, RecordRows(kept))


@pytest.mark.parametrize(
    "change",
    [
        {"memory": ""},
        {"kind": "version", "memory": ""},
        {"vector": "AAAAAAAA*AAAAAAAA"},
        {"vector": "AAAgD8"},
        {"kind": "other"},
    ],
)
def test_a_line_that_is_damaged_is_refused(change: dict[str, Any]) -> None:
    ((_, line),) = memory_lines(MemoryRows(memory()), vectors=True)
    with pytest.raises(UNREADABLE):
        read_row(json.dumps({**json.loads(line), **change}).encode())


def test_a_deletion_between_two_versions_has_no_text() -> None:
    row = closed(replace(with_history("m", "x", deleted=True).head, vector=()), T + 5_000_000)
    ((_, deleted), _) = memory_lines(MemoryRows(memory(version=3), [row]), vectors=True)
    assert read_row(deleted) == ("version", row)


def header(**columns: Any) -> Header:
    counts = {"memory": 1, "version": 0, "deleted": 0, "record": 0}
    values = {"dump_id": DUMP_ID, "created_at": MOMENT, "origin": OURS, "vectors": True, "counts": counts}
    return Header(**{**values, "size": 5, "sha256": "ab", **columns})


def test_the_first_line_is_always_as_long() -> None:
    assert HEADER_BYTES == 4_096
    line = header().as_line()
    assert (len(line), line[-1:]) == (4_096, b"\n")
    assert read_header(line, "path") == header()
    name = "é" + "m" * (4_095 - len(header(origin=replace(OURS, model="")).as_line().rstrip()) - 2)
    longest = header(origin=replace(OURS, model=name))
    line = longest.as_line()
    assert (len(line), line[-2:]) == (4_096, b"}\n")
    assert read_header(line, "path") == longest
    with pytest.raises(ValidationError, match="identity is too long"):
        header(origin=replace(OURS, model=name + "m")).as_line()


def test_a_file_of_lines_that_says_it_is_something_else_is_no_dump() -> None:
    with pytest.raises(ValidationError, match="is no dump of mem0milvus"):
        read_header(header().as_line().replace(b'"mem0milvus": "dump"', b'"mem0milvus": "list"'), "path")


# --- files in memory


class Disk:
    """Files in a dict. They are read three lines at a time."""

    def __init__(self) -> None:
        self.files: dict[str, list[bytes]] = {}

    @asynccontextmanager
    async def create(self, path: Any, *, overwrite: bool) -> AsyncGenerator[Any, None]:
        yield _File(self.files.setdefault(str(path), []))

    @asynccontextmanager
    async def open(self, path: Any) -> AsyncGenerator[Any, None]:
        yield _File(list(self.files[str(path)]))

    def write(self, *lines: tuple[str, bytes], origin: Origin = OURS) -> None:
        """Write a dump with these lines."""
        body = b"".join(line for _, line in lines)
        counts = {kind: [k for k, _ in lines].count(kind) for kind in ("memory", "version", "deleted", "record")}
        first = header(origin=origin, counts=counts, size=len(body), sha256=sha256(body).hexdigest())
        self.files["dump"] = [first.as_line(), *(line for _, line in lines)]

    def documents(self) -> list[dict[str, Any]]:
        """The lines of the dump after the first."""
        return [json.loads(line) for line in self.files["dump"][1:]]


class _File:
    def __init__(self, content: list[bytes]) -> None:
        self._content = content

    async def write(self, lines: Sequence[bytes]) -> None:
        self._content.extend(lines)

    async def finish(self, first: bytes) -> None:
        self._content[0] = first

    async def lines(self) -> list[bytes]:
        taken = self._content[:3]
        del self._content[:3]
        return taken


class SetClock:
    """Says the time that it was set to."""

    time_us = T

    def now_us(self) -> int:
        return self.time_us


class Sized(DictTable):
    """Notes how many rows each request reads and writes."""

    def __init__(self, name: str, hook: Any) -> None:
        super().__init__(name, hook, page=1_000)
        self.got: list[int] = []
        self.written: list[list[str]] = []

    async def get(self, keys: Any, **options: Any) -> Any:
        self.got.append(len(keys))
        return await super().get(keys, **options)

    async def put(self, records: Any) -> None:
        self.written.append([row.id for row in records])
        await super().put(records)


class Embedding(Letters):
    """Notes the texts."""

    def __init__(self, hook: Any) -> None:
        super().__init__(hook)
        self.texts: list[str] = []

    async def embed(self, texts: Sequence[str]) -> Any:
        self.texts += texts
        return await super().embed(texts)


class Place(Store):
    """A store with files, and records if it has them."""

    def __init__(self, *, has_records: bool = False) -> None:
        self.acts: dict[str, Callable[[], Any]] = {}
        super().__init__(self._act)
        self.live, self.history = Sized("live", self._act), Sized("history", self._act)
        self.clock, self.disk, self.embedder = SetClock(), Disk(), Embedding(self._act)
        self.asked_for_records: list[bool] = []
        self.told: list[tuple[int, int]] = []
        self.has_records = has_records
        self.rows = Sized("rows", self._act)
        transfer = Transfer(self.disk, OURS, self._records, self._none, self._old, self._drop)  # type: ignore[arg-type]
        parts: dict[str, Any] = {"live": self.live, "history": self.history, "transfer": transfer}
        self.ports = replace(self.ports, clock=self.clock, embedder=self.embedder, **parts)

    def _act(self, step: str, moment: str) -> None:
        if moment == "after" and step in self.acts:
            self.acts.pop(step)()

    async def _records(self, create: bool) -> RecordPorts | None:
        self.asked_for_records.append(create)
        self.has_records = self.has_records or create
        return self.record_ports if self.has_records else None

    @property
    def record_ports(self) -> RecordPorts:
        names = ("embedder", "locks", "positions", "clock", "shield", "metric", "dims")
        return RecordPorts(rows=self.rows, **{name: getattr(self.ports, name) for name in names})  # type: ignore[arg-type]

    def _none(self, embedder: Any) -> Any:
        raise NotImplementedError

    async def _old(self) -> str | None:
        return "memories__old"

    async def _drop(self) -> None:
        self.told.append((-1, -1))

    def put(self, *items: MemoryRows | RecordRows) -> None:
        """Put rows into the tables."""
        for item in items:
            if isinstance(item, RecordRows):
                self.rows.rows |= {row.id: row for row in item.rows}  # type: ignore[misc]
            else:
                self.history.rows |= {row.id: row for row in (item.rows if item.deleted else item.closed)}
                self.live.rows |= {} if item.deleted else {item.id: item.head}

    def dump(self, **options: Any) -> Any:
        return self.run(operations.dump, "dump", progress=self._tell, **options)

    def load(self, **options: Any) -> Any:
        return self.run(operations.load, "dump", progress=self._tell, **options)

    def _tell(self, done: int, total: int) -> None:
        self.told.append((done, total))


@pytest.fixture
def place() -> Place:
    return Place()


def lines_of(*items: MemoryRows | RecordRows, vectors: bool = True) -> list[tuple[str, bytes]]:
    """The lines of a dump of these."""
    found: list[tuple[str, bytes]] = []
    for item in items:
        found += (
            [record_line(item, vectors=vectors)]
            if isinstance(item, RecordRows)
            else memory_lines(item, vectors=vectors)
        )
    return found


# --- dump


def test_a_memory_without_files_cannot_be_dumped() -> None:
    for operation in (operations.dump, operations.load):
        with pytest.raises(StoreError, match="opened without access to files"):
            Store().run(operation, "dump")
    with pytest.raises(StoreError, match="opened without access to files"):
        Store().run(operations.reembed, {})


@pytest.mark.parametrize("has_records", [True, False])
def test_progress_is_told_of_all_rows(has_records: bool) -> None:
    place = Place(has_records=has_records)
    place.put(with_history("a", "1", "2", "3"), with_history("b", "1"), with_history("c", "1", deleted=True))
    place.put(record("k", "1", "2"), record("l"))
    place.dump()
    total = 3 + 1 + 2 + (2 if has_records else 0)
    assert place.told == [(4, total), (6, total), *([(8, total)] if has_records else []), (total, total)]


def test_of_nothing_there_is_nothing_to_tell(place: Place) -> None:
    assert place.dump()["memories"] == 0
    assert place.told[-1] == (0, 0)


def test_memories_are_read_with_as_much_history_as_one_request_returns(place: Place) -> None:
    for number, version in enumerate((400, 600, 1, 999, 1_500, 1)):
        place.put(MemoryRows(memory(f"m{number}", version=version)))
    assert place.dump()["memories"] == 6
    assert place.history.got == [998, 998, 1_499, 0]


def test_records_are_read_as_many_at_a_time_as_one_request_returns() -> None:
    place = Place(has_records=True)
    place.put(*(record(f"{number:03}") for number in range(501)))
    assert place.dump()["records"] == 501
    assert place.rows.got == [250, 0, 250, 0, 1, 0]


def test_records_are_dumped_with_their_vectors_and_without_rows_of_an_earlier_state() -> None:
    place = Place(has_records=True)
    a, b, c = record("a", "1", "2"), record("b", "1", "2"), record("c", "1", "2")
    place.put(a, b, c)
    place.rows.rows["n/b//1"] = replace(b.rows[1], updated_at=T - 1)  # type: ignore[call-overload, assignment]
    del place.rows.rows["n/c//1"]
    place.dump()
    read = [read_row(line)[1] for line in place.disk.files["dump"][1:]]
    assert [[row.text for row in one.rows] for one in read] == [["1", "2"], ["1"], ["1"]]  # type: ignore[union-attr]
    assert read[0] == a


@pytest.mark.parametrize("moment_us", [T, T + 1])
def test_what_is_restored_while_it_is_dumped_is_in_the_dump(place: Place, moment_us: int) -> None:
    place.put(with_history("a", "1"), MemoryRows(tombstone(memory("b"), T - 5), [closed(memory("b"), T - 5)]))

    def restore() -> None:
        place.clock.time_us = moment_us
        place.run(operations.restore, "b", 1)

    place.acts["live.pages"] = restore
    place.run(operations.dump, "dump")
    lines = [(one["kind"], one["version"]) for one in place.disk.documents() if one["id"] == "b"]
    assert lines == [("version", 1), ("version", 2), ("memory", 3)]


def test_what_was_restored_before_is_dumped_once(place: Place) -> None:
    place.put(with_history("a", "1", deleted=True))
    place.clock.time_us = T + 2_000_000
    place.run(operations.restore, "a", 1)
    place.clock.time_us += 1
    assert place.dump()["memories"] == 1


# --- load


def test_a_batch_ends_with_the_memory_that_fills_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_rows, "BATCH_ROWS", 3)
    texts = (("1", "2"), ("1",), ("1", "2", "3"), ("1",), ("1", "2", "3", "4"), ("1",))
    memories = [with_history(f"m{number}", *some) for number, some in enumerate(texts)]
    place.disk.write(*lines_of(*memories))
    assert place.load()["memories"] == 6
    assert place.told == [(3, 12), (6, 12), (11, 12), (12, 12)]
    assert place.live.rows.keys() == {f"m{number}" for number in range(6)}


def test_a_batch_ends_with_the_record_that_fills_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_rows, "BATCH_ROWS", 3)
    place = Place()
    place.disk.write(*lines_of(record("a", "1", "2"), record("b"), record("c", "1", "2", "3"), record("d")))
    assert place.load()["records"] == 4
    assert place.told == [(2, 4), (3, 4), (4, 4)]
    assert len(place.rows.rows) == 2 + 1 + 3 + 1


def test_five_hundred_rows_are_written_together(place: Place) -> None:
    place.disk.write(*lines_of(*(with_history(f"m{number}", "1") for number in range(501))))
    place.load()
    assert [len(keys) for keys in place.live.written] == [500, 1]


def test_a_line_that_cannot_be_read_is_named_by_its_number(place: Place) -> None:
    lines = lines_of(*(with_history(f"m{number}", "1") for number in range(6)))
    for number in (2, 5, 6):
        place.disk.write(*lines[: number - 2], ("memory", b"{}\n"), *lines[number - 1 :])
        with pytest.raises(ValidationError, match=f"^Line {number} of dump cannot be read"):
            place.load()
    assert place.live.rows == {}


def test_some_of_the_ids_that_are_taken_are_named(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_rows, "BATCH_ROWS", 3)
    place.disk.write(*lines_of(*(with_history(f"m{number}", "1") for number in range(8))))
    place.put(*(with_history(f"m{number}", "of another") for number in range(7)))
    names = re.escape("'m0', 'm1', 'm2', 'm3', 'm4'. Nothing was loaded")
    with pytest.raises(ValidationError, match=f"^7 ids of dump belong to other memories or records, such as {names}"):
        place.load()
    assert place.asked_for_records == [False], "and no record store is made"


def test_a_record_whose_key_is_taken_gets_one_that_tells_the_dump() -> None:
    place = Place(has_records=True)
    place.put(record("k", metadata={"v": 1}))
    place.disk.write(*lines_of(record("k", metadata={"v": 2})))
    assert place.load(on_conflict="rename")["renamed"] == {"n/k": f"n/k~{DUMP_ID[:8]}"} == {"n/k": "n/k~0f8fad5b"}


def test_a_vector_of_another_model_without_a_text_is_lost() -> None:
    place = Place()
    items = (record("text", "1", "2"), record("silent"), record("vector", ""), with_history("m", "1"))
    place.disk.write(*lines_of(*items), origin=replace(OURS, model="other"))
    assert place.load()["unsearchable"] == 1
    assert place.embedder.texts == ["1", "1", "2"]
    place = Place()
    place.disk.write(*lines_of(*items))
    assert place.load()["unsearchable"] == 0
    assert place.embedder.texts == []


def test_rows_without_a_text_get_a_unit_vector_and_nothing_is_embedded_for_them(place: Place) -> None:
    place.disk.write(*lines_of(with_history("m", "1", "2", deleted=True), record("silent"), vectors=False))
    place.load()
    assert place.embedder.texts == ["1", "2"]
    for row in (place.history.rows["m"], place.rows.rows["n/silent"]):
        assert len(row.vector) == 8
        assert sum(x * x for x in row.vector) == pytest.approx(1)


def test_an_earlier_state_of_a_record_is_replaced_in_full() -> None:
    place = Place(has_records=True)
    newer = record("a", "4", "5")
    newer = RecordRows([replace(row, updated_at=T + 1) for row in newer.rows])
    place.put(record("a", "1", "2", "3"), record("b", "1"))
    place.disk.write(*lines_of(newer, record("b", "1"), record("c", "1", "2")))
    loaded = place.load()
    assert (loaded["records"], loaded["present"]) == (2, 1)
    assert sorted(place.rows.rows) == ["n/a", "n/a//1", "n/b", "n/c", "n/c//1"]
    assert place.rows.written == [["n/a", "n/c"], ["n/a//1", "n/c//1"]], "the first rows first, and each row once"


def test_a_later_state_of_a_record_is_left_alone() -> None:
    place = Place(has_records=True)
    later = RecordRows([replace(record("a", "2").first, updated_at=T + 1)])
    place.put(later)
    place.disk.write(*lines_of(record("a", "1")))
    assert place.load()["present"] == 1
    assert place.rows.rows == {"n/a": later.first}


@pytest.mark.parametrize(
    ("stored", "is_ours"),
    [
        (memory("m", "last"), True),
        (memory("m", "other"), False),
        (memory("m", "last", created_at=T + 1), False),
        (memory("m", "last", version=2, event="UPDATE"), False),
    ],
)
def test_a_memory_that_came_without_its_history_gets_it(place: Place, stored: MemoryRow, is_ours: bool) -> None:
    ours = with_history("m", "first", "second", "last")
    place.put(MemoryRows(stored))
    place.disk.write(*lines_of(ours))
    if is_ours:
        assert place.load()["versions"] == 2
        assert place.live.rows["m"].version == 3
    else:
        with pytest.raises(ValidationError, match="1 ids of dump"):
            place.load()


@pytest.mark.parametrize(("on_conflict", "kept"), [("error", {"x": 1}), ("skip", {}), ("rename", {})])
def test_what_a_turn_still_has_to_delete_is_kept_only_where_ids_mean_the_same(
    place: Place, on_conflict: str, kept: dict[str, int]
) -> None:
    state = PendingExtraction("turn", done=True, remove={"x": 1})
    place.disk.write(*lines_of(MemoryRows(memory(pending=state.as_text())), with_history("n", "1")))
    assert place.load(on_conflict=on_conflict)["memories"] == 2
    assert json.loads(place.live.rows["m"].pending)["remove"] == kept
    assert json.loads(place.live.rows["m"].pending)["turn"] == "turn"


def test_a_memory_that_is_purged_while_others_are_embedded_is_loaded_when_the_load_is_repeated(place: Place) -> None:
    place.put(with_history("a", "1"))
    place.disk.write(*lines_of(with_history("a", "1"), with_history("b", "1"), vectors=False))
    place.acts["embedder.embed"] = lambda: place.live.rows.pop("a")
    with pytest.raises(StoreError, match="A memory was changed during the import. It is safe to repeat it"):
        place.load()
    assert place.live.rows == {}
    assert place.load()["memories"] == 2


def test_an_id_that_is_taken_while_texts_are_embedded_stops_the_load(place: Place) -> None:
    place.disk.write(*lines_of(with_history("a", "1"), vectors=False))
    place.acts["embedder.embed"] = lambda: place.put(with_history("a", "of another"))
    with pytest.raises(StoreError, match="The id 'a' was given to another memory during the import"):
        place.load()
    assert place.live.rows["a"].memory == "of another"


class Yielding(DictTable):
    """A table at each step of which another task may run."""

    async def _step(self, method: str, act: Callable[[], Any]) -> Any:
        await asyncio.sleep(0)
        return await super()._step(method, act)


@pytest.mark.parametrize("ahead", range(-6, 12))
def test_an_id_is_given_to_one_memory_when_a_load_and_an_add_meet(place: Place, ahead: int) -> None:
    tables = {name: Yielding(name, lambda step, moment: None) for name in ("live", "history")}
    place.ports = replace(place.ports, **tables, locks=AsyncLocks(LockTable()))  # type: ignore[arg-type]
    place.disk.write(*lines_of(with_history("a", "loaded", "loaded again")))

    async def later(steps: int, work: Any) -> Any:
        for _ in range(steps):
            await asyncio.sleep(0)
        return await work

    async def work() -> Any:
        said = [{"role": "user", "content": "added"}]
        add = operations.add(place.ports, said, user_id="u", infer=False, ids=["a"])
        load = operations.load(place.ports, "dump", on_conflict="skip")
        return await asyncio.gather(later(-ahead, load), later(ahead, add), return_exceptions=True)

    loaded, added = asyncio.run(work())
    assert tables["live"].rows["a"].memory == ("loaded again" if loaded["memories"] else "added")
    assert isinstance(added, ValidationError) == bool(loaded["memories"])
    assert loaded["memories"] + loaded["skipped"] == 1


# --- reembed


class Replacement:
    """Empty tables, and what happens to them."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.live, self.history = DictTable("new live", self._none), DictTable("new history", self._none)
        self.rows = DictTable("new rows", self._none)
        self.embedder, self.dims = Letters(self._none), 8
        self.events: list[str] = []

    def _none(self, step: str, moment: str) -> None:
        """Nothing happens."""

    async def records(self) -> Any:
        return self.rows

    async def block_writes(self) -> None:
        self.events.append("block")

    async def swap_in(self, *, drop_old: bool) -> None:
        self.events.append("swap")


@pytest.fixture
def moving() -> tuple[Place, Replacement]:
    """A store that is moved. It notes each round: what it is about to copy."""
    place = Place(has_records=True)
    replacement = Replacement(place)

    @asynccontextmanager
    async def open_replacement(embedder: Any) -> AsyncGenerator[Any, None]:
        yield replacement

    async def none() -> None:
        return None

    assert place.ports.transfer is not None
    transfer = replace(place.ports.transfer, open_replacement=open_replacement, old=none)
    place.ports = replace(place.ports, transfer=transfer)
    place.put(with_history("a", "1", "2"), with_history("b", "1"), with_history("c", "1", deleted=True))
    place.put(record("k", "1", "2"), record("v", ""))
    return place, replacement


def move(place: Place, replacement: Replacement, changes: Sequence[Callable[[], Any]] = (), **options: Any) -> Any:
    """Move a store. After each of the first rounds, one of the changes is made to it."""
    left = list(changes)

    def round_ended() -> None:
        if left:
            left.pop(0)()

    def begin() -> None:
        replacement.events.append("copy")
        place.acts["history.pages"] = begin

    pages = place.rows.pages

    async def noting_pages(where: Any, **more: Any) -> Any:
        async for page in pages(where, **more):
            yield page
        if more.get("only") is None:
            round_ended()

    place.rows.pages = noting_pages  # type: ignore[method-assign]
    place.acts["history.pages"] = begin
    moved = place.run(operations.reembed, {"provider": "other"}, **options)
    assert replacement.live.rows.keys() == place.live.rows.keys()
    assert replacement.history.rows.keys() == place.history.rows.keys()
    assert {key: row.memory for key, row in replacement.live.rows.items()} == {
        key: row.memory for key, row in place.live.rows.items()
    }
    return moved


def test_rounds_end_when_nothing_has_changed(moving: tuple[Place, Replacement]) -> None:
    place, replacement = moving
    moved = move(place, replacement)
    assert replacement.events == ["copy", "copy", "block", "copy", "swap"]
    assert (moved["memories"], moved["versions"], moved["records"], moved["unsearchable"]) == (2, 3, 3, 1)


def change_a(place: Place) -> None:
    place.clock.time_us += 9_000_000
    place.run(operations.update, "a", f"text {place.clock.time_us}")


def test_rounds_go_on_while_there_are_changes_but_not_for_ever(moving: tuple[Place, Replacement]) -> None:
    place, replacement = moving
    move(place, replacement, [lambda: change_a(place)] * 5)
    assert replacement.events == ["copy"] * 5 + ["block", "copy", "swap"]


@pytest.mark.parametrize("name", ["update and purge", "purge"])
def test_a_round_in_which_as_much_was_written_as_removed_is_followed_by_another(
    moving: tuple[Place, Replacement], name: str
) -> None:
    place, replacement = moving

    def change() -> None:
        del place.live.rows["b"]
        if name == "update and purge":
            place.live.rows["a"] = replace(place.live.rows["a"], memory="changed")

    move(place, replacement, [lambda: None, change])
    assert replacement.events == ["copy", "copy", "block", "copy", "swap"]


@pytest.mark.parametrize("name", ["update and purge", "purge"])
def test_what_was_removed_is_removed_from_the_replacement(moving: tuple[Place, Replacement], name: str) -> None:
    place, replacement = moving

    def change() -> None:
        del place.live.rows["b"]
        if name == "update and purge":
            place.live.rows["a"] = replace(place.live.rows["a"], memory="changed")

    move(place, replacement, [change])
    assert replacement.events == ["copy", "copy", "copy", "block", "copy", "swap"], "one more, which finds nothing"


def test_progress_is_told_of_the_first_round(moving: tuple[Place, Replacement]) -> None:
    place, replacement = moving
    move(place, replacement, progress=place._tell)
    assert place.told == [(3, 8), (5, 8), (8, 8)]


def test_adds_in_the_background_end_before_the_move(moving: tuple[Place, Replacement]) -> None:
    place, replacement = moving
    background: Any = place.ports.background

    async def flush(timeout_s: float | None) -> Any:
        replacement.events.append(f"flush {timeout_s}")

    background.flush = flush
    move(place, replacement)
    assert replacement.events[0] == "flush None"


def test_dropping_the_old_tells_that_nothing_was_moved(place: Place) -> None:
    assert place.run(operations.reembed, drop_old=True) == {
        "message": "Former memories dropped successfully!",
        "memories": 0,
        "versions": 0,
        "records": 0,
        "kept": None,
        "unsearchable": 0,
    }
    assert place.told == [(-1, -1)]
