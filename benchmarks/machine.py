"""On what was measured: versions, processors, memory, and how busy the machine was. Standard library only."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PACKAGES = ("mem0milvus", "pymilvus", "milvus-lite", "openai", "numpy")


def describe(packages: Iterable[str] = PACKAGES) -> dict[str, Any]:
    """What to read the figures with. A load well above zero at the start means that timings are too high."""
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
    """Resident memory of this process, which Milvus Lite lives in as well; None where it cannot be told."""
    status = Path("/proc/self/statm")
    if not status.exists():
        return None
    return round(int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def folder_mb(folder: Path) -> float:
    """Bytes of all files in a folder, in megabytes."""
    return round(sum(one.stat().st_size for one in folder.rglob("*") if one.is_file()) / 1e6, 1)


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None
