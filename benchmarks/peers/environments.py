"""An environment for each library, and a worker in it that measures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.peers import OURS, REQUIREMENTS

ROOT = Path(__file__).parent.parent.parent


def interpreter(name: str, folder: Path) -> str:
    """Return the Python of a library's environment in ``folder``, which is created if it is missing.

    Raises:
        subprocess.CalledProcessError: it cannot be created or filled.
    """
    if name == OURS:
        return sys.executable
    python = folder / name / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder / name)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *REQUIREMENTS[name]], check=True)
    return str(python)


def measure(name: str, python: str, task: Mapping[str, Any]) -> dict[str, Any]:
    """Run a task in a library's environment.

    Raises:
        RuntimeError: it failed; the message has the end of its output.
    """
    command = [python, "-m", "benchmarks.peers.worker", name]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, input=json.dumps(task), capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} failed:\n{done.stderr[-2_000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer
