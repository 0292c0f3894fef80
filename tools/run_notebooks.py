"""Run the notebooks from top to bottom, each in a folder of its own, without a network or an API key.

``python tools/run_notebooks.py`` writes the outputs into the notebooks; ``--check`` only compares them. Ids, timestamps
and the pixels of pictures change from run to run and are ignored: a cell whose output differs in nothing else keeps its
stored output.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"

#: Seconds that one cell may take.
TIMEOUT_S = 120

#: Prefixes of environment variables that would point a notebook at a real store or model.
FOREIGN = ("OPENAI", "MILVUS", "MEM0", "LANGSMITH", "LANGCHAIN")

#: Patterns of output that differs from run to run, and their placeholders in comparisons.
CHANGING: Sequence[tuple[str, str]] = (
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<id>"),
    (r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:\+\d\d:\d\d|Z)?)?", "<moment>"),
    (r"0x[0-9a-f]+", "<address>"),
    (r"(\d\.\d{3})\d+", r"\1"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the given notebooks, or all of them, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all of them")
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    options = parser.parse_args(arguments)
    paths = options.notebooks or sorted(NOTEBOOKS.glob("*.ipynb"))
    with tempfile.TemporaryDirectory(prefix="notebooks-", ignore_cleanup_errors=True) as settings:
        prepare_environment(settings)
        failed = [path.name for path in paths if not _run(path, check=options.check)]
    if failed:
        print(f"Failed or changed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def prepare_environment(settings: str) -> None:
    """Remove settings that would make a notebook use another store or model, or write outside of its folder.

    Args:
        settings: a folder for the settings of IPython and matplotlib.
    """
    for name in [name for name in os.environ if name.startswith(FOREIGN)]:
        del os.environ[name]
    os.environ.update(IPYTHONDIR=settings, MPLCONFIGDIR=settings, TQDM_DISABLE="1")


def _run(path: Path, *, check: bool) -> bool:
    before = nbformat.read(path, as_version=4)
    try:
        after = execute(before)
    except CellExecutionError as error:
        print(f"{path.name}: {error}", file=sys.stderr)
        return False
    changed = keep_unchanged_outputs(before, after)
    print(f"{path.name}: {len(changed)} of {len(after.cells)} cells changed" if changed else f"{path.name}: unchanged")
    if check:
        for number in changed:
            print(f"  cell {number + 1}: {comparable(after.cells[number].outputs)}"[:2_000], file=sys.stderr)
        return not changed
    nbformat.write(after, path)
    return True


def execute(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Run a notebook and return it with its new outputs.

    Raises:
        CellExecutionError: a cell failed.
    """
    result = nbformat.from_dict(notebook)
    with tempfile.TemporaryDirectory(prefix="notebook-", ignore_cleanup_errors=True) as root:
        folder = Path(root) / NOTEBOOKS.name
        folder.mkdir()
        (Path(root) / "tests").symlink_to(NOTEBOOKS.parent / "tests")  # 05_from_mem0 reads a store of tests/migration
        NotebookClient(
            result,
            timeout=TIMEOUT_S,
            kernel_name="python3",
            resources={"metadata": {"path": str(folder)}},
            record_timing=False,
            coalesce_streams=True,  # how a stream is cut into messages is chance
            extra_arguments=["--IPKernelApp.log_level=40"],  # errors only
        ).execute()
    result.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in result.cells:
        cell.metadata = {}
    return result


def keep_unchanged_outputs(before: nbformat.NotebookNode, after: nbformat.NotebookNode) -> list[int]:
    """Restore the old outputs of the cells that differ only in values that change from run to run.

    Returns:
        The positions of the other cells.
    """
    changed = []
    for number, (old, new) in enumerate(zip(before.cells, after.cells, strict=True)):
        if new.cell_type != "code":
            continue
        if comparable(old.outputs) == comparable(new.outputs):
            new.outputs = old.outputs
        else:
            changed.append(number)
    return changed


def comparable(outputs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return outputs as text, with placeholders for values that change from run to run."""
    return [_text(output) for output in outputs]


def _text(output: Mapping[str, Any]) -> str:
    shown = {"stream": output.get("text", "")} if output["output_type"] == "stream" else output.get("data", {})
    parts = []
    for kind, value in sorted(shown.items()):
        text = "<picture>" if kind.startswith("image/") else str(value)
        for pattern, word in CHANGING:
            text = re.sub(pattern, word, text)
        parts.append(f"{kind}: {text}")
    return "\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
