"""Generate the methods of the blocking clients from those of the async clients.

    python tools/blocking_client.py            write the files
    python tools/blocking_client.py --check    exit with 1 if a file is out of date

Signatures, docstrings and examples are written once, in the async files. The translation replaces words of their text
and leaves the rest as it is, so comments survive; ``ruff`` then sorts the imports and joins shortened lines.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

CLIENT = Path(__file__).parent.parent / "core" / "mem0milvus" / "client"

#: Each async file and the blocking file that is generated from it.
GENERATED = {
    "async_maintenance.py": "maintenance.py",
    "async_memory_methods.py": "memory_methods.py",
    "async_record_methods.py": "record_methods.py",
}

#: The first line of each async file, and that of each blocking one.
SOURCE_NOTE = "# After a change, run tools/blocking_client.py, which generates {target} from this file."
TARGET_NOTE = "# Do not edit: generated from {source} by tools/blocking_client.py."

#: Words of the async files, and what the blocking files have instead. The first entry that matches counts.
REPLACEMENTS = {
    # Both classes are meant here: a record store opens beside either.
    "Memory | AsyncMemory": "Memory | AsyncMemory",
    "import AsyncMemory, Memory": "import AsyncMemory, Memory",
    "await ": "",
    "async def": "def",
    "async for": "for",
    "async with": "with",
    "aclose": "close",
    "AsyncIterator": "Iterator",
    "AsyncClient": "BlockingClient",
    "AsyncSession": "BlockingSession",
    "async_operation": "blocking_operation",
    "AsyncMaintenance": "Maintenance",
    "async_maintenance": "maintenance",
    "AsyncMemory": "Memory",
    "AsyncMemoryMethods": "MemoryMethods",
    "AsyncRecordMethods": "RecordMethods",
    "AsyncRecordStore": "RecordStore",
}

# Longer words that begin with one of these are left alone: each word ends at a boundary, or with its space.
_WORDS = "|".join(re.escape(word) + ("" if word.endswith(" ") else r"\b") for word in REPLACEMENTS)
_WORD = re.compile(rf"\b(?:{_WORDS})")


def translate(source: str, target: str, text: str) -> str:
    """Return the blocking form of an async file.

    Args:
        source: the name of the async file.
        target: the name of the blocking file.
        text: the content of the async file.

    Raises:
        ValueError: the file does not begin with the note for those who edit it.
    """
    note, _, code = text.partition("\n")
    if note != SOURCE_NOTE.format(target=target):
        raise ValueError(f"{source} must begin with {SOURCE_NOTE.format(target=target)!r}.")
    code = _WORD.sub(lambda found: REPLACEMENTS[found[0]], code)
    code = _ruff(_ruff(code, "check", "--fix-only", "--select=I"), "format")
    return f"{TARGET_NOTE.format(source=source)}\n{code}"


def main(arguments: list[str], folder: Path = CLIENT) -> str | None:
    """Write the blocking files, or check that they are current.

    Args:
        arguments: the arguments of the command line.
        folder: the folder of the files.

    Returns:
        The message to exit with; None for success.
    """
    if arguments not in ([], ["--check"]):
        return __doc__
    stale = []
    for source, target in GENERATED.items():
        wanted = translate(source, target, (folder / source).read_text(encoding="utf-8"))
        file = folder / target
        if not file.exists() or file.read_text(encoding="utf-8") != wanted:
            stale.append(target)
            if not arguments:
                file.write_text(wanted, encoding="utf-8")
    if arguments and stale:
        return f"Out of date: {', '.join(stale)}. Run python tools/blocking_client.py."
    return None


def _ruff(code: str, *command: str) -> str:
    # With the name of a file in the room, ruff applies the configuration of this project.
    name = f"--stdin-filename={CLIENT / 'memory.py'}"
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *command, "--quiet", name, "-"],
        input=code, capture_output=True, text=True, encoding="utf-8", check=True,
    )  # fmt: skip
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
