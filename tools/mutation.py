"""Mutation testing: make one small fault at a time in ranking, filters and operations, and see whether a test fails.

    python -m tools.mutation [--room ranking] [--jobs 2] [--only presets.py] [--record]

Each room has a fast selection of tests: pure ones, and those that run over tables in memory (``--store=reference``).
They are collected once. Each mutant then gets a forked process that swaps the code of the mutated function and runs
the tests that reach the mutated statement, the quickest first, until one fails. A mutant of a constant, a default or a
table at the top of a module is imported anew in its process.

Why no kept tool: mutmut 3.8 mutates nothing at the top of modules and classes (the weights of ranking) and no decorated
function (properties, context managers); it mutates every text, so most of its survivors are error messages; and it
collects the tests again for each mutant. cosmic-ray 8 starts a process for each mutant, four seconds here.

``tests/mutation/score.json`` holds the score of each room, ``tests/mutation/survivors.json`` the mutants that no test
tells from the original, each with the reason. The run fails when a score is lower or another mutant survives.
"""

from __future__ import annotations

import argparse
import functools
import gc
import importlib.machinery
import importlib.util
import json
import os
import pickle
import re
import resource
import signal
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any, Generic, TypeVar

import pytest
from _pytest.runner import runtestprotocol

from tools.mutants import Mutant, mutants_of, mutated_code

ROOT = Path(__file__).resolve().parents[1]
CORE = ROOT / "core" / "mem0milvus"
RESULTS = ROOT / "tests" / "mutation"

#: The folder of each room, and the tests that run for its mutants.
ROOMS: dict[str, tuple[str, Sequence[str]]] = {
    "ranking": (
        "retrieval/ranking",
        [
            *("core/test_ranking_table.py", "core/test_ranking.py", "core/test_ranking_presets.py"),
            *("core/test_ranking_changes.py", "core/test_ranking_links.py", "core/test_ranking_sentences.py"),
            "core/test_calibration.py",
        ],
    ),
    "filters": ("retrieval/filters", ["core/test_filters.py", "core/test_filter_expressions.py"]),
    "operations": (
        "operations",
        [
            *("core/test_operations.py", "core/test_changes.py", "core/test_extraction.py", "core/test_bad_input.py"),
            *(
                "core/test_extraction_faults.py",
                "core/test_interrupted_extraction.py",
                "core/test_interrupted_writes.py",
            ),
            *("core/test_record_store.py", "core/test_record_store_interrupted.py", "core/test_dump_load.py"),
            *("core/test_reembed.py", "core/test_vacuum.py", "core/test_timeline.py", "core/test_rules.py"),
            *("core/test_background.py", "core/test_concurrency.py", "core/test_rendering.py", "faults/test_ports.py"),
            *("faults/test_erasure.py", "properties/test_memory_machine.py", "properties/test_record_store_oracle.py"),
            *("core/test_guards.py", "core/test_moments.py", "core/test_reads.py", "core/test_health_check.py"),
            *("core/test_change_limits.py", "core/test_record_limits.py", "core/test_ranking_table.py"),
            *("core/test_turns.py", "core/test_row_contents.py", "core/test_transfer.py", "core/test_reranker.py"),
        ],
    ),
}
#: A mutant counts as killed when its tests take this many seconds more than this many times what they take without it.
_MORE_S, _TIMES = 3.0, 5
#: What tests of one mutant take at most, the quickest first: a mutant that reaches all would take minutes.
_MOST_S = 20.0
#: A test that takes longer, as those do that start processes, is left out.
_SLOW_S = 4.0

T = TypeVar("T")


@dataclass
class Reached:
    """The tests that reach each line of a room, by file and line, and the seconds that each test takes."""

    folder: str
    lines: dict[tuple[str, int], set[str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    imported: list[str] = field(default_factory=list)
    test: str = ""

    def trace(self, frame: FrameType, event: str, _: Any) -> Any:
        """Note a line; this is a trace function for ``sys.settrace``."""
        if not frame.f_code.co_filename.startswith(self.folder):
            return None
        self.lines.setdefault((frame.f_code.co_filename, frame.f_lineno), set()).add(self.test)
        return self.trace

    def tests(self, mutant: Mutant) -> list[str]:
        """The tests that reach a mutant, the quickest first.

        For one at the top of a module, those that reach this or any module that imports it, directly or not, and those
        that reach none of the room.
        """
        first, last = mutant.lines
        if mutant.function:
            reaching = [self.lines.get((mutant.path, line), ()) for line in range(first, last + 1)]
        else:
            modules = importers(mutant, Path(self.folder))
            reaching = [tests for (path, _), tests in self.lines.items() if path in modules]
            reaching.append(self.seconds.keys() - set().union(*self.lines.values()))
        found = sorted(set().union(*reaching) & self.seconds.keys(), key=self.seconds.__getitem__)
        total = accumulate(self.seconds[test] for test in found)
        return [test for test, seconds in zip(found, total, strict=True) if seconds < _MOST_S]

    def limit_s(self, tests: Iterable[str]) -> float:
        """How long these tests may take."""
        return _MORE_S + _TIMES * sum(self.seconds[test] for test in tests)


def importers(mutant: Mutant, folder: Path) -> set[str]:
    """The mutant's module and the modules in a folder that import it, directly or not."""
    found, names = {mutant.path}, [mutant.module]
    for name in names:
        for path in folder.rglob("*.py"):
            if str(path) not in found and re.search(
                rf"from {re.escape(name)} import", path.read_text(encoding="utf-8")
            ):
                found.add(str(path))
                names.append(module_of(path))
    return found


def module_of(path: Path) -> str:
    """The name of a module of the core."""
    return ".".join(path.relative_to(CORE.parent).with_suffix("").parts).removesuffix(".__init__")


class Loop(Generic[T]):
    """A pytest plugin that acts on the collected tests in the place of pytest's own loop."""

    def __init__(self, act: Callable[[list[pytest.Item]], T]) -> None:
        self._act = act
        self.outcome: list[T] = []

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Act."""
        self.outcome.append(self._act(session.items))
        return True


def collect(tests: Iterable[str], act: Callable[[list[pytest.Item]], T]) -> T:
    """Collect tests over the tables in memory, and act on them."""
    options = ["--store=reference", "-qq", "-p", "no:cacheprovider", f"--rootdir={ROOT}"]
    loop = Loop(act)
    pytest.main([*options, *(str(ROOT / "tests" / one) for one in tests)], plugins=[loop])
    return loop.outcome[0]


def fails(item: pytest.Item) -> bool:
    """Whether a test fails."""
    return any(report.failed for report in runtestprotocol(item, log=False, nextitem=None))


def baseline(items: Iterable[pytest.Item], folder: str) -> Reached:
    """Run all tests once. Left out are those that do not pass without any mutant, or are slow."""
    reached, left_out = Reached(folder), []
    for item in items:
        reached.test, start = item.nodeid, time.perf_counter()
        threading.settrace(reached.trace)
        sys.settrace(reached.trace)
        reports = runtestprotocol(item, log=False, nextitem=None)
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type, unused-ignore]  # since Python 3.12
        took = time.perf_counter() - start
        if all(report.passed for report in reports) and took < _SLOW_S:
            reached.seconds[item.nodeid] = took
        else:
            left_out.append(item.nodeid)
    reached.imported = list(sys.modules)
    print(f"{len(reached.seconds)} tests, {sum(reached.seconds.values()):.0f} s; {len(left_out)} left out", flush=True)
    return reached


class Pool:
    """Runs mutants, each in a process of its own, and keeps those that survive."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._running: dict[int, Mutant] = {}
        self.survived: list[Mutant] = []

    def run(self, mutant: Mutant, killed: Callable[[], bool], limit_s: float) -> None:
        """Start a mutant as soon as there is room for it."""
        self.wait(self._jobs - 1)
        if pid := os.fork():
            self._running[pid] = mutant
            return
        status = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, limit_s)
            resource.setrlimit(resource.RLIMIT_AS, (1 << 33, 1 << 33))
            sink = os.open(os.devnull, os.O_WRONLY)
            os.dup2(sink, 1)
            os.dup2(sink, 2)
            status = int(killed())
        finally:
            os._exit(status)

    def wait(self, left: int = 0) -> None:
        """Wait until no more than so many are running."""
        while len(self._running) > left:
            pid, status = os.wait()
            mutant = self._running.pop(pid, None)
            if mutant and status == 0:
                self.survived.append(mutant)
                print(f"  survives: {mutant.key}", file=sys.stderr, flush=True)


def run_in_functions(items: Sequence[pytest.Item], reached: Reached, mutants: Iterable[Mutant], pool: Pool) -> None:
    """Run the mutants that are within functions, over tests that are collected."""
    by_id = {item.nodeid: item for item in items}
    functions: dict[tuple[str, str, int], list[FunctionType]] = defaultdict(list)
    caches = []
    for one in gc.get_objects():
        if isinstance(one, FunctionType) and one.__code__.co_filename.startswith(reached.folder):
            functions[one.__code__.co_filename, one.__code__.co_name, one.__code__.co_firstlineno].append(one)
        elif isinstance(one, functools._lru_cache_wrapper) and one.__module__.startswith("mem0milvus."):
            caches.append(one)
    gc.freeze()  # else each forked process copies all memory when it collects garbage
    for mutant in mutants:
        tests = reached.tests(mutant)

        def killed(mutant: Mutant = mutant, tests: Sequence[str] = tests) -> bool:
            name, line = mutant.function or ("", 0)
            for function in functions[mutant.path, name, line]:
                function.__code__ = find(mutated_code(mutant), name, line)
            for cache in caches:
                cache.cache_clear()
            return any(fails(by_id[test]) for test in tests)

        pool.run(mutant, killed, reached.limit_s(tests))
    pool.wait()


def find(code: CodeType, name: str, line: int) -> CodeType:
    """The code of a function, in that of its module."""
    todo = [code]
    while (one := todo.pop()) and (one.co_name, one.co_firstlineno) != (name, line):
        todo += [inner for inner in one.co_consts if isinstance(inner, CodeType)]
    return one


class Mutated(importlib.machinery.SourceFileLoader):
    """Finds one module, and loads it with a fault in it."""

    def __init__(self, mutant: Mutant) -> None:
        super().__init__(mutant.module, mutant.path)
        self._mutant = mutant

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> Any:
        """As ``importlib.abc.MetaPathFinder``."""
        return importlib.util.spec_from_loader(name, self) if name == self._mutant.module else None

    def get_code(self, fullname: str) -> CodeType:
        """As ``importlib.abc.InspectLoader``."""
        return mutated_code(self._mutant)


def run_at_import(reached: Reached, mutants: Iterable[Mutant], pool: Pool) -> None:
    """Run the mutants that are at the top of a module or class."""
    for mutant in mutants:
        tests = reached.tests(mutant)

        def killed(mutant: Mutant = mutant, tests: Sequence[str] = tests) -> bool:
            for name in [one for one in sys.modules if one.partition(".")[0] in ("mem0milvus", "tests")]:
                del sys.modules[name]
            sys.meta_path.insert(0, Mutated(mutant))
            files = dict.fromkeys(test.partition("::")[0].removeprefix("tests/") for test in tests)
            places = {test: place for place, test in enumerate(tests)}

            def any_fails(items: list[pytest.Item]) -> bool:
                wanted = sorted((item for item in items if item.nodeid in places), key=lambda i: places[i.nodeid])
                return any(fails(item) for item in wanted)

            return collect(files, any_fails)

        pool.run(mutant, killed, 20 + reached.limit_s(tests))
    pool.wait()


def mutants_in(folder: Path, only: str, every: int) -> list[Mutant]:
    """The mutants of a room: of all modules or of those whose path has a text in it; all or every n-th."""
    mutants: list[Mutant] = []
    for path in sorted(path for path in folder.rglob("*.py") if only in str(path)):
        mutants += mutants_of(path, module_of(path))
    return mutants[::every]


def run_room(room: str, mutants: Sequence[Mutant], jobs: int) -> list[str]:
    """Run the mutants of a room; returns the names of those that survive."""
    folder, tests = ROOMS[room]

    def first(items: list[pytest.Item]) -> tuple[Reached, list[Mutant]]:
        # What tests leave behind, such as threads of gRPC, is in no process that is forked later.
        reached = in_own_process(lambda: baseline(items, f"{CORE / folder}/"))
        for name in reached.imported:
            with suppress(ImportError):
                importlib.import_module(name)
        pool = Pool(jobs)
        run_in_functions(items, reached, [one for one in mutants if one.function], pool)
        return reached, pool.survived

    reached, survived = in_own_process(lambda: collect(tests, first))
    pool = Pool(jobs)
    run_at_import(reached, [one for one in mutants if not one.function], pool)
    return [one.key for one in mutants if one in survived or one in pool.survived]


def in_own_process(work: Callable[[], T]) -> T:
    """The result of some work that a forked process does."""
    with tempfile.NamedTemporaryFile() as file:
        if not (child := os.fork()):
            try:
                Path(file.name).write_bytes(pickle.dumps(work()))
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        return pickle.loads(Path(file.name).read_bytes())  # type: ignore[no-any-return]


def report(room: str, count: int, survived: Sequence[str], *, whole: bool, record: bool) -> bool:
    """Print what came of a room, compare it with what is recorded, or record it. Returns whether all is well."""
    scores, reasons = (json.loads((RESULTS / name).read_text()) for name in ("score.json", "survivors.json"))
    score = round(100 * (count - len(survived)) / count, 1)
    print(f"{room}: {count} mutants, {count - len(survived)} killed: {score} %")
    if record:
        scores[room] = {"mutants": count, "killed": count - len(survived), "score": score}
        reasons[room] = {key: reasons.get(room, {}).get(key, "") for key in survived}
        for name, found in (("score.json", scores), ("survivors.json", reasons)):
            (RESULTS / name).write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    unexplained = [key for key in survived if not reasons.get(room, {}).get(key)]
    for key in unexplained:
        print(f"  survived without a reason in survivors.json: {key}")
    fallen = whole and score < scores.get(room, {}).get("score", 0)
    if fallen:
        print(f"  the score was {scores[room]['score']} %")
    return not unexplained and not fallen


def main() -> int:
    """Run the rooms that are asked for."""
    parser = argparse.ArgumentParser(description="Mutation testing of ranking, filters and operations.")
    parser.add_argument("--room", choices=ROOMS, action="append", help="only this room; may be given again")
    parser.add_argument("--only", default="", help="only modules whose path contains this")
    parser.add_argument("--every", type=int, default=1, help="only every n-th mutant, as a sample")
    parser.add_argument("--jobs", type=int, default=1, help="mutants that run at a time")
    parser.add_argument("--record", action="store_true", help="write the scores and the survivors")
    given = parser.parse_args()
    whole = not given.only and given.every == 1
    if given.record and not whole:
        parser.error("--record needs a whole run")
    import mem0milvus.runtime.open_store  # noqa: F401  # loads what each forked process needs

    well = True
    for room in given.room or ROOMS:
        start = time.perf_counter()
        mutants = mutants_in(CORE / ROOMS[room][0], given.only, given.every)
        survived = run_room(room, mutants, given.jobs)
        well &= report(room, len(mutants), survived, whole=whole, record=given.record)
        print(f"  {time.perf_counter() - start:.0f} s", flush=True)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
