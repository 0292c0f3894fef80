"""``python -m benchmarks NAME``: run one measurement; ``python -m benchmarks NAME --help`` lists its options.

The embedding model is any server with OpenAI's API, at ``--embedder-url``; the default is the offline embedder.
``--json FILE`` saves the figures, and ``plots`` draws saved figures.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import (
    basics,
    event_loop,
    growth,
    latency,
    locomo,
    multilingual,
    peers,
    plots,
    ranking_commands,
    relevance,
    reports,
    server,
    store,
)
from benchmarks.conversations import load
from benchmarks.machine import describe
from benchmarks.peers import environments
from benchmarks.retrieval import configuration

Results = dict[str, Any]

PLAIN = {"basics": basics.main, "server": server.main, "store": store.main}


def main(arguments: list[str] | None = None) -> None:
    """Run the measurement that the command line names."""
    given = _parser().parse_args(arguments)
    if given.name in PLAIN:
        PLAIN[given.name]()
        return
    if given.name == "growth":
        growth.main(given.rows, given.live, url=given.url)
        return
    if given.name == "plots":
        for path in plots.draw_all(given.results, given.to):
            sys.stdout.write(f"{path}\n")
        return
    machine = describe()
    results = COMMANDS[given.name](given)
    if given.json is not None:
        settings = {name: value for name, value in vars(given).items() if name not in ("name", "json", "environments")}
        shown = {name: _plain(value) for name, value in settings.items()}
        reports.write({"name": given.name, "settings": shown, "machine": machine, "results": results}, given.json)


def _plain(setting: Any) -> Any:
    """Return a setting as JSON values."""
    if isinstance(setting, (list, tuple)):
        return [_plain(one) for one in setting]
    return str(setting) if isinstance(setting, Path) else setting


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    for name, module in PLAIN.items():
        commands.add_parser(name, help=_first_line(module))
    command = commands.add_parser("growth", help="bytes of a row, memory over many rows, search beside long histories")
    command.add_argument("--rows", type=int, default=100_000)
    command.add_argument("--live", type=int, default=10_000, help="memories whose histories are beside the search")
    command.add_argument("--url", help="an empty server; default: Milvus Lite in a temporary folder")
    keep = argparse.ArgumentParser(add_help=False)
    keep.add_argument("--json", type=Path, metavar="FILE", help="save the figures, for `plots`")
    model = argparse.ArgumentParser(add_help=False)
    model.add_argument("--embedder-url", metavar="URL", help="default: the offline embedder")
    model.add_argument("--model", default="all-MiniLM-L6-v2")
    model.add_argument("--dims", type=int, default=384)
    data = argparse.ArgumentParser(add_help=False)
    data.add_argument("--data", type=Path, required=True, metavar="FILE", help="the data set")
    data.add_argument("--conversations", type=int, metavar="N", help="only the first N")
    on_data = [keep, model, data]
    command = commands.add_parser("locomo", parents=on_data, help="evidence found on LoCoMo")
    command.add_argument("--mode", choices=("hybrid", "dense", "lexical"), default="hybrid")
    command.add_argument("--preset", default="balanced")
    command.add_argument("--facts-by", metavar="MODEL", help="search facts that this model of the same server extracts")
    commands.add_parser("multilingual", parents=on_data, help="rank of the right memory, in many languages")
    commands.add_parser("relevance", parents=on_data, help="wrong results and right answers above a threshold")
    command = commands.add_parser("latency", parents=[keep], help="duration of each operation as the store grows")
    command.add_argument("--sizes", type=int, nargs="+", default=list(latency.SIZES))
    command.add_argument("--calls", type=int, default=50, help="of each operation")
    command = commands.add_parser("event-loop", parents=[keep, model], help="concurrent adds in one event loop")
    command.add_argument("--llm-model", default="gpt-4.1-mini", help="on the same server as the embedder")
    command.add_argument("--adds", type=int, default=100)
    ranking_commands.add(commands, keep)
    _add_peers(commands, on_data)
    command = commands.add_parser("plots", help="draw figures saved with `--json`")
    command.add_argument("--results", type=Path, required=True, metavar="FOLDER")
    command.add_argument("--to", type=Path, required=True, metavar="FOLDER")
    return parser


def _add_peers(commands: Any, on_data: list[argparse.ArgumentParser]) -> None:
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument("--environments", type=Path, required=True, metavar="FOLDER", help="created if missing")
    where.add_argument("--only", nargs="+", choices=[peers.OURS, *peers.REQUIREMENTS], help="measure only these")
    command = commands.add_parser("peers", parents=[*on_data, where], help="LoCoMo, with other libraries")
    command = commands.add_parser("peers-latency", parents=[*on_data[:2], where], help="adds and searches likewise")
    command.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000])
    command.add_argument("--calls", type=int, default=50)
    command = commands.add_parser("cost", parents=[*on_data, where], help="requests and tokens of extraction")
    command.add_argument("--llm-model", default="gpt-4.1-mini", help="on the same server as the embedder")
    command.add_argument("--sessions", type=int, default=10)


def _first_line(function: Callable[..., Any]) -> str:
    return (sys.modules[function.__module__].__doc__ or "").splitlines()[0]


def _locomo(given: argparse.Namespace) -> Results:
    talks = load(given.data, given.conversations)
    with tempfile.TemporaryDirectory() as folder:
        config = _config(Path(folder), given)
        if given.facts_by:
            config["llm"] = {"provider": "openai", "config": {"model": given.facts_by, **_access(given)}}
        options = {"mode": given.mode, "preset": given.preset}
        results = locomo.measure(talks, config, facts=bool(given.facts_by), **options)
    sys.stdout.write(reports.table(results, "categories"))
    return results


def _multilingual(given: argparse.Namespace) -> Results:
    with tempfile.TemporaryDirectory() as folder:
        results = multilingual.measure(given.data, _config(Path(folder), given))
    sys.stdout.write(reports.table(results, "language"))
    return results


def _relevance(given: argparse.Namespace) -> Results:
    with tempfile.TemporaryDirectory() as folder:
        results = relevance.measure(load(given.data, given.conversations), _config(Path(folder), given))
    rows = {f"{one['threshold']:.2f}": one for one in [*results["curve"], results["default"]]}
    columns = {name: {key: row[key] for key in row if key != "threshold"} for name, row in sorted(rows.items())}
    sys.stdout.write(reports.table(columns, "threshold"))
    return results


def _latency(given: argparse.Namespace) -> Results:
    with tempfile.TemporaryDirectory() as folder:
        results = latency.measure(Path(folder), given.sizes, given.calls)
    for size, rows in results.items():
        sys.stdout.write(f"{size} memories, milliseconds\n{reports.table(rows)}\n")
    return results


def _event_loop(given: argparse.Namespace) -> Results:
    if given.embedder_url is None:
        sys.exit("This measures requests to models: add --embedder-url.")
    with tempfile.TemporaryDirectory() as folder:
        results = event_loop.measure(
            Path(folder), given.embedder_url, given.llm_model, given.model, given.dims, given.adds
        )
    sys.stdout.write(reports.table(results))
    return results


def _others(given: argparse.Namespace, do: str, names: list[str], **task: Any) -> Results:
    if given.embedder_url is None:
        sys.exit("The libraries are compared with one embedding model: add --embedder-url.")
    common = {"embedder_url": given.embedder_url, "model": given.model, "dims": given.dims}
    results: Results = {}
    for name in [name for name in names if given.only is None or name in given.only]:
        python = environments.interpreter(name, given.environments)
        results[name] = environments.measure(name, python, {"do": do, **common, **task})
        sys.stdout.write(f"{peers.TITLES[name]}\n{_tables(results[name])}\n")
        sys.stdout.flush()
    return results


def _tables(result: Results) -> str:
    first = next(iter(next(iter(result.values())).values()))
    if isinstance(first, dict):
        return "\n".join(f"{name} memories, milliseconds\n{reports.table(rows)}" for name, rows in result.items())
    return reports.table(result)


def _peers(given: argparse.Namespace) -> Results:
    conversations = load(given.data, given.conversations)
    return _others(given, "locomo", [peers.OURS, *peers.REQUIREMENTS], conversations=conversations)


def _peers_latency(given: argparse.Namespace) -> Results:
    return _others(given, "latency", [peers.OURS, *peers.REQUIREMENTS], sizes=given.sizes, calls=given.calls)


def _cost(given: argparse.Namespace) -> Results:
    task = {"conversations": load(given.data, 1), "sessions": given.sessions, "llm_model": given.llm_model}
    return _others(given, "cost", [peers.OURS, "mem0"], **task)


COMMANDS: dict[str, Callable[[argparse.Namespace], Results]] = {
    "locomo": _locomo,
    "multilingual": _multilingual,
    "relevance": _relevance,
    "latency": _latency,
    "event-loop": _event_loop,
    "peers": _peers,
    "peers-latency": _peers_latency,
    "cost": _cost,
    **ranking_commands.COMMANDS,
}


def _access(given: argparse.Namespace) -> dict[str, str]:
    return {"base_url": given.embedder_url, "api_key": "unused"}


def _config(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    embedder: dict[str, Any] = {"provider": "offline"}
    if given.embedder_url:
        settings = {"model": given.model, "embedding_dims": given.dims, **_access(given)}
        embedder = {"provider": "openai", "config": settings}
    return configuration(folder, embedder)


if __name__ == "__main__":
    main()
