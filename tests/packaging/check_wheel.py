"""Checks a built wheel: what is in it, and that it works when it is all that is installed.

Usage: ``python check_wheel.py FOLDER``, the folder holding one wheel.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

PACKAGES = {"mem0milvus", "langchain_mem0milvus", "llamaindex_mem0milvus"}

TRIAL = """
from mem0milvus import Memory
import langchain_mem0milvus, llamaindex_mem0milvus
config = {"vector_store": {"config": {"url": "./trial.db"}}, "embedder": {"provider": "offline"}}
with Memory.from_config(config) as memory:
    memory.add("I like to play tennis on weekends.", user_id="alice")
    print(memory.search("What does Alice play?", user_id="alice")["results"][0]["memory"])
"""


def check_content(wheel: Path) -> None:
    """The three packages, typed, and nothing else on top."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == PACKAGES, top
    for package in PACKAGES:
        assert f"{package}/py.typed" in names, package
    (metadata,) = (name for name in names if name.endswith(".dist-info/licenses/LICENSE"))
    assert metadata


def check_use(wheel: Path) -> None:
    """Installed alone, without extras, it remembers; its command says what it lacks."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder, "bin", "python")
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--constraint", "constraints.txt", wheel], check=True
        )
        done = subprocess.run([python, "-c", TRIAL], cwd=folder, capture_output=True, text=True, check=False)
        assert done.stdout == "I like to play tennis on weekends.\n", done.stderr
        command = subprocess.run(
            [Path(folder, "bin", "mem0milvus"), "demo"], capture_output=True, text=True, check=False
        )
        assert command.returncode == 1, command
        assert 'pip install "mem0milvus[cli]"' in command.stderr, command
        assert "Traceback" not in command.stderr, command


if __name__ == "__main__":
    (found,) = Path(sys.argv[1]).glob("*.whl")
    check_content(found)
    check_use(found.resolve())
    sys.stdout.write(f"{found.name} holds what it should and works on its own\n")
