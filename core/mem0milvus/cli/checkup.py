"""What ``mem0milvus doctor`` looks at, one step after the other, and what it says about each."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from mem0milvus import (
    EmbedderMismatchError,
    EmbeddingError,
    Mem0MilvusError,
    SchemaMismatchError,
    StoreLockedError,
    StoreUnavailableError,
    __version__,
)
from mem0milvus.cli.findings import Finding, compared, told
from mem0milvus.cli.opening import is_file, is_missing
from mem0milvus.cli.settings import Settings, configuration_warnings, read_settings
from mem0milvus.cli.terminal import CommandError

if TYPE_CHECKING:
    from mem0milvus.milvus.collection_swap import Names
    from mem0milvus.milvus.inspection import CollectionFacts, Inspection
    from mem0milvus.runtime.open_store import OpenStore
    from mem0milvus.types import Embedder

#: Packages whose versions matter, and those of the extras.
_PACKAGES = ("pymilvus", "milvus-lite", "openai")
_EXTRAS = ("langchain", "llama-index-core", "matplotlib")

#: With less room than this on its disk, a store may soon fail to write.
_LEAST_ROOM = 200_000_000


class Checkup:
    """A look at everything that a store needs. Use it once.

    Nothing is made where nothing is. A store that is there is opened as any command opens it, which builds anew the
    indexes that cannot be read.

    Args:
        file: of ``--config``.
        url: of ``--url``.
        collection: of ``--collection``.
    """

    def __init__(self, file: Path | None, url: str | None, collection: str | None) -> None:
        self._given = (file, url, collection)
        self._settings: Settings
        self._embedder: Embedder
        self._inspection: Inspection
        self._facts: list[CollectionFacts] = []
        self._runtime: OpenStore
        self._resources = ExitStack()

    def run(self) -> Iterator[Finding]:
        """Look at one thing after the other, as far as it goes."""
        steps: Sequence[tuple[str, Callable[[], Iterator[Finding]]]] = (
            ("program", self._program),
            ("configuration", self._configuration),
            ("models", self._models),
            ("store", self._place),
            ("files", self._files),
            ("milvus", self._server),
            ("collections", self._collections),
            ("indexes", self._indexes),
            ("memories", self._memories),
        )
        with self._resources:
            for name, step in steps:
                for finding in self._attempt(name, step):
                    yield finding
                    if finding.state == "fault" or finding.mend == _NOTHING_THERE:
                        return

    def _attempt(self, name: str, step: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
        """The findings of a step; what makes it fail is one as well."""
        try:
            yield from step()
        except (CommandError, Mem0MilvusError, OSError) as error:
            yield Finding(name, "fault", str(error), self._mend(error))

    def _program(self) -> Iterator[Finding]:
        parts = [f"mem0milvus {__version__}", f"Python {platform.python_version()}"]
        parts += [f"{name} {found}" for name in (*_PACKAGES, *_EXTRAS) if (found := _version_of(name))]
        yield Finding("program", "ok", ", ".join(parts))

    def _configuration(self) -> Iterator[Finding]:
        file = self._given[0]
        self._settings = read_settings(*self._given)
        where = (
            f"from {file}" if file else "no file; what --config, the options and the environment leave open is default"
        )
        yield Finding("configuration", "ok", where)

    def _models(self) -> Iterator[Finding]:
        from mem0milvus.models.providers import choose_embedder, choose_llm

        with configuration_warnings(self._settings.told):
            self._embedder = choose_embedder(self._settings.read, None)
            llm = choose_llm(self._settings.read, None)
        self._try_embedder()
        named = f"embedder {self._embedder.identity!r} with {self._embedder.dims} dimensions"
        named += f", language model {llm.identity!r}" if llm else ", no language model: rules choose what to remember"
        if self._settings.read.embedder is None and not os.environ.get("OPENAI_API_KEY"):
            yield Finding(
                "models",
                "note",
                f"{named}. No model is configured and OPENAI_API_KEY is not set, so shared words find memories.",
                'Set OPENAI_API_KEY, or name an "embedder" in the file of --config, before you store much.',
            )
            return
        yield Finding("models", "ok", named)

    def _try_embedder(self) -> None:
        """Have it embed something.

        Raises:
            EmbeddingError: it does not answer, or answers nonsense.
        """
        from mem0milvus.models.checked_embedder import CheckedEmbedder
        from mem0milvus.models.vector_cache import VectorCache
        from mem0milvus.runtime.blocking_driver import BlockingDriver, run

        run(CheckedEmbedder(self._embedder, BlockingDriver(), VectorCache(), use_async=False).embed(["hello"]))

    def _place(self) -> Iterator[Finding]:
        if not is_file(self._settings):
            return
        path = Path(self._settings.store.uri).absolute()
        if is_missing(self._settings) and path.suffix == ".db" and path.parent.is_dir():
            yield Finding("store", "note", f"There is no store in {path} yet.", _NOTHING_THERE)
            return
        if path.is_dir() and not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            yield Finding("store", "fault", f"{path} may not be read and written by you.", f"chmod -R u+rwX {path}")
        elif path.exists() and (room := shutil.disk_usage(path).free) < _LEAST_ROOM:
            yield Finding(
                "store", "note", f"{path} is on a disk with {size(room)} left.", "Make room: writes may soon fail."
            )

    def _files(self) -> Iterator[Finding]:
        from mem0milvus.milvus.inspection import damaged_files

        path = Path(self._settings.store.uri).absolute()
        if is_file(self._settings) and path.is_dir() and (damaged := damaged_files(path)):
            more = f" and {len(damaged) - 1:,} more" if len(damaged) > 1 else ""
            yield Finding(
                "files",
                "fault",
                f"{damaged[0]}{more} cannot be read, as after a failure of the disk. Milvus Lite may go back to an "
                "earlier state, and drop what was written since.",
                f"Copy {path} before anything else opens it; then put back the files, or all of it, from a backup.",
            )

    def _server(self) -> Iterator[Finding]:
        from mem0milvus.milvus.inspection import Inspection

        self._inspection = self._resources.enter_context(Inspection(self._settings.store))
        can, found = self._inspection.can, self._inspection.version.replace("milvus_lite-", "Milvus Lite ")
        name = found if "Lite" in found else f"Milvus {found.removeprefix('v')}"
        where = f"{name} at {self._inspection.uri}"
        if (taken := self._inspection.bytes_on_disk()) is not None:
            where += f", {size(taken)} on disk"
        if not can.words:
            yield Finding(
                "milvus",
                "note",
                f"{where}. It has no sparse vectors, so memories are found by their embeddings alone.",
                "Milvus 2.4 or later finds them by words as well.",
            )
            return
        yield Finding("milvus", "ok", f"{where}; it finds by meaning and by words")

    def _collections(self) -> Iterator[Finding]:
        from mem0milvus.milvus.collection_swap import Names
        from mem0milvus.milvus.schema import MEMORIES, Identity, check_properties
        from mem0milvus.retrieval.text import ANALYSIS_VERSION

        store = self._settings.store
        names = self._inspection.names()
        self._facts = [self._inspection.look(name) for name in names]
        listed = ", ".join(f"{one.name} ({one.kind})" for one in self._facts) or "none"
        yield Finding("collections", "ok", f"There are: {listed}")
        live, past = store.collection_name, f"{store.collection_name}_versions"
        if Names(live).ready in names:
            says = "A reembed was interrupted when it was all but done. Opening the store finishes it."
            yield Finding("collections", "note", says)
            return
        if live not in names:
            yield Finding("collections", "note", f"There is no collection {live!r} yet.", _NOTHING_THERE)
            return
        identity = Identity(self._embedder.identity, self._embedder.dims, store.metric_type, ANALYSIS_VERSION)
        for facts in self._facts:
            if facts.name in (live, past):
                check_properties(facts.name, facts.properties, identity, MEMORIES)
        if past not in names:
            yield Finding(
                "collections",
                "fault",
                f"There is no collection {past!r}: somebody dropped it, and with it what the memories used to say.",
                "If you have an export, import it. Any other command goes on without the past: it makes the collection "
                "anew.",
            )
            return
        yield Finding("collections", "ok", f"{live!r} was made by this embedder, in the layout of this version")
        yield from _of_moves(Names(live), names)

    def _indexes(self) -> Iterator[Finding]:
        from mem0milvus.runtime.open_store import OpenStore

        store = self._settings.store
        used = (store.collection_name, f"{store.collection_name}_versions")
        broken = [
            facts.name
            for facts in self._facts
            if facts.name in used and self._inspection.look(facts.name, load=True).unreadable
        ]
        with configuration_warnings(self._settings.told):
            self._runtime = OpenStore(self._settings.given, None, None)
        self._resources.callback(self._runtime.close)
        self._runtime.open()
        if broken:
            yield Finding(
                "indexes",
                "note",
                f"An index of {' and of '.join(map(repr, broken))} could not be read, as after a kill while it was "
                "written. It has been built anew from the rows, and nothing is lost.",
            )
        else:
            yield Finding("indexes", "ok", "all collections of the memory are loaded and can be read")

    def _memories(self) -> Iterator[Finding]:
        from mem0milvus.operations.memories.health_check import compare, survey
        from mem0milvus.runtime.blocking_driver import run

        ports = self._runtime.blocking_ports()
        found = run(survey(ports))
        yield from told(found, self._settings.store.history_limit)
        yield compared(run(compare(ports, found.sample)))

    def _mend(self, error: Exception) -> str:
        if isinstance(error, StoreLockedError):
            return _holder(Path(self._settings.store.uri).absolute())
        if isinstance(error, EmbedderMismatchError):
            return "Configure the embedder that filled it, or move the memories to the one of now: mem0milvus reembed"
        if isinstance(error, SchemaMismatchError):
            facts = next((one for one in self._facts if one.name == self._settings.store.collection_name), None)
            if facts is not None and facts.kind == "Mem0's memories":
                return "Bring these memories over: mem0milvus migrate-mem0 --help"
            if facts is not None and not facts.is_ours:
                return "Name another collection with --collection."
        if isinstance(error, EmbeddingError):
            return (
                'See that the key, the address and the name of the model are right: "embedder" in the file of --config.'
            )
        if isinstance(error, StoreUnavailableError):
            return "Start the server, or correct the address: --url, MILVUS_URI or the file of --config."
        return ""


#: What to do where there is nothing yet. The checkup ends there.
_NOTHING_THERE = "That is as it should be before the first `mem0milvus add`."


def _of_moves(names: Names, there: Sequence[str]) -> Iterator[Finding]:
    """What ``reembed`` has left beside the memories."""
    if names.next.live in there:
        says = f"{names.next.live!r} is of a reembed that was interrupted, or is under way."
        yield Finding("collections", "note", says, "The same mem0milvus reembed again goes on.")
    if names.old.live in there:
        says = f"{names.old.live!r} has the memories as they were before a reembed."
        yield Finding("collections", "note", says, "mem0milvus reembed --drop-old drops them.")


def _holder(path: Path) -> str:
    """Who holds a Milvus Lite store, where Linux tells."""
    try:
        node = (path / "LOCK").stat().st_ino
        lines = Path("/proc/locks").read_text().splitlines()
        ids = {line.split()[4] for line in lines if line.split()[5].rpartition(":")[2] == str(node)}
        named = [f"{pid} ({_command(pid)})" for pid in sorted(ids)]
    except (OSError, IndexError):
        return ""
    return f"It is process {', '.join(named)}." if named else ""


def _command(process: str) -> str:
    words = Path("/proc", process, "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return words[:80]


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def size(number: int) -> str:
    """A number of bytes for people."""
    amount = float(number)
    for unit in ("bytes", "kB", "MB"):
        if amount < 1_000:
            return f"{amount:.0f} {unit}"
        amount /= 1_000
    return f"{amount:.1f} GB"
