"""The machine of a measurement: versions, processors, memory, and load. Standard library only."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PACKAGES = ("mem0milvus", "pymilvus", "milvus-lite", "openai", "numpy")


def describe(packages: Iterable[str] = PACKAGES) -> dict[str, Any]:
    """Describe the machine. A load well above zero at the start means that timings are too high."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "processors": os.cpu_count(),
        "memory_gib": _memory_gib(),
        "load_at_start": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "packages": dict(_versions(packages)),
    }


def _versions(packages: Iterable[str]) -> Iterable[tuple[str, str]]:
    wanted = {name.lower() for name in packages}
    for one in importlib.metadata.distributions():
        if one.name.lower() in wanted:
            yield one.name, one.version


def resident_mb() -> float | None:
    """Return the resident memory of this process, which includes Milvus Lite; None on systems without /proc."""
    status = Path("/proc/self/statm")
    if not status.exists():
        return None
    return round(int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def folder_mb(folder: Path) -> float:
    """Return the size of all files in a folder in megabytes."""
    return round(sum(one.stat().st_size for one in folder.rglob("*") if one.is_file()) / 1e6, 1)


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None
