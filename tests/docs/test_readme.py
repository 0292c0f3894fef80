"""The code blocks of the README and the documentation run, and what they name exists."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mem0milvus

ROOT = Path(mem0milvus.__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks() -> Iterator[Any]:
    """The blocks of the README, and those of the documentation, which ``make test-docs`` runs."""
    for page in PAGES:
        for number, code in enumerate(BLOCK.findall(page.read_text())):
            marks = [] if page == PAGES[0] else [pytest.mark.docs]
            yield pytest.param(code, id=f"{page.name}-{number}", marks=marks)


@pytest.mark.parametrize("code", list(blocks()))
def test_each_python_block_runs_as_it_stands(code: str, tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("OPENAI", "MILVUS"))}
    done = subprocess.run(
        [sys.executable, "-W", "ignore::UserWarning", "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_architecture_names_every_room_and_no_other() -> None:
    package = Path(mem0milvus.__file__).parent
    folders = {path.parent.relative_to(package).as_posix() for path in package.rglob("*/__init__.py")}
    modules = {path.stem for path in package.glob("*.py") if not path.stem.startswith("__")}
    named = re.findall(r"\*\*`([a-z_/]+?)/?`\*\*", (ROOT / "docs/architecture.md").read_text())
    assert sorted(named) == sorted(folders | modules)


def test_make_is_what_the_readme_says() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", (ROOT / "README.md").read_text(), re.MULTILINE):
        assert f"\n{target}:" in makefile
