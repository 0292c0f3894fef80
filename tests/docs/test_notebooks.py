"""The notebooks hold the outputs of a run from top to bottom, as ``tools/run_notebooks.py --check`` compares them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import mem0milvus

ROOT = Path(mem0milvus.__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

#: The most bytes of a notebook: one is read by people, and kept in every clone.
MAX_BYTES = 150_000

#: Folders of a machine on which one was run.
MACHINE_PATH = re.compile(r"(?<![\w.~/:-])/(?:home|Users|root|tmp|var|opt|mnt|work)/|[A-Z]:\\\\")

SECRET = re.compile(r"sk-[A-Za-z0-9]{8}|Bearer [A-Za-z0-9]{8}")


@pytest.fixture(params=NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def notebook(request: pytest.FixtureRequest) -> Path:
    return request.param  # type: ignore[no-any-return]


def code_cells(path: Path) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


def test_the_page_of_first_steps_lists_all_of_them() -> None:
    page = (ROOT / "docs" / "getting-started.md").read_text()
    assert re.findall(r"`(\w+\.ipynb)`", page) == [path.name for path in NOTEBOOKS]


def test_it_ran_from_top_to_bottom(notebook: Path) -> None:
    cells = code_cells(notebook)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    kinds = {output["output_type"] for cell in cells for output in cell["outputs"]}
    assert kinds
    assert "error" not in kinds


def test_nothing_was_said_on_standard_error(notebook: Path) -> None:
    outputs = [output for cell in code_cells(notebook) for output in cell["outputs"]]
    assert not [output for output in outputs if output.get("name") == "stderr"]


def test_it_is_small_and_tells_nothing_of_the_machine(notebook: Path) -> None:
    assert notebook.stat().st_size < MAX_BYTES
    text = "\n".join(
        json.dumps({**output, "data": {k: v for k, v in output.get("data", {}).items() if not k.startswith("image/")}})
        for cell in code_cells(notebook)
        for output in cell["outputs"]
    )
    assert not MACHINE_PATH.search(text)
    assert not SECRET.search(text)
