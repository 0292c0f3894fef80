"""The embedders that a measurement compares, from the command line."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

BUILT_IN = ("offline", "local")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options with which embedders are named."""
    parser.add_argument(
        "--embedder", action="append", choices=BUILT_IN, default=[], help="may be repeated; default: offline"
    )
    parser.add_argument(
        "--embedder-url", action="append", default=[], metavar="URL", help="a server with OpenAI's API; may be repeated"
    )
    parser.add_argument("--embedder-model", action="append", default=[], metavar="NAME", help="one for each URL")
    parser.add_argument("--dims", action="append", type=int, default=[], metavar="N", help="one for each URL")


def chosen(given: argparse.Namespace) -> dict[str, Mapping[str, Any]]:
    """Return the section ``embedder`` of the configuration for each embedder, by its name in tables.

    Raises:
        SystemExit: a server is named without a model or its dimensions, or a model is named twice.
    """
    servers = list(zip(given.embedder_url, given.embedder_model, given.dims, strict=False))
    if not len(given.embedder_url) == len(given.embedder_model) == len(given.dims):
        raise SystemExit("Each --embedder-url needs one --embedder-model and one --dims, in the same order.")
    built_in = given.embedder or ([] if servers else ["offline"])
    names = [*built_in, *(model for _, model, _ in servers)]
    if len(set(names)) < len(names):
        raise SystemExit(f"An embedder is named twice: {', '.join(names)}. Name each one once.")
    sections: dict[str, Mapping[str, Any]] = {name: {"provider": name} for name in built_in}
    for url, model, dims in servers:
        settings = {"base_url": url, "api_key": "unused", "model": model, "embedding_dims": dims}
        sections[model] = {"provider": "openai", "config": settings}
    return sections
