"""``python -m benchmarks NAME``: run one measurement.

``locomo`` and ``multilingual`` need ``--data FILE`` and take ``--embedder-url``, the address of any server that speaks
OpenAI's API, with ``--model`` and ``--dims``; without it, the offline embedder is measured.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import basics, growth, locomo, multilingual, server, store

PLAIN = {"basics": basics.main, "growth": growth.main, "server": server.main, "store": store.main}
ON_DATA = {"locomo": locomo.run, "multilingual": multilingual.run}


def main() -> None:
    """Read the command line and run what it names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=[*PLAIN, *ON_DATA])
    parser.add_argument("--data", type=Path, help="the data set's file")
    parser.add_argument("--embedder-url", help="an OpenAI-compatible server; left out, the offline embedder")
    parser.add_argument("--model", default="all-MiniLM-L6-v2")
    parser.add_argument("--dims", type=int, default=384)
    arguments = parser.parse_args()
    if arguments.name in PLAIN:
        PLAIN[arguments.name]()
        return
    if arguments.data is None:
        parser.error(f"{arguments.name} needs --data FILE")
    with tempfile.TemporaryDirectory() as folder:
        report = ON_DATA[arguments.name](arguments.data, _config(Path(folder), arguments))
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


def _config(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    embedder: dict[str, Any] = {"provider": "offline"}
    if arguments.embedder_url:
        settings = {
            "model": arguments.model,
            "base_url": arguments.embedder_url,
            "api_key": "unused",
            "embedding_dims": arguments.dims,
        }
        embedder = {"provider": "openai", "config": settings}
    return {
        "vector_store": {"config": {"url": str(folder / "bench.db")}},
        "embedder": embedder,
        "llm": {"provider": "offline"},
    }


if __name__ == "__main__":
    main()
