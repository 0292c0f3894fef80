"""The configuration of a command: a file, options and the environment."""

from __future__ import annotations

import importlib
import json
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mem0milvus.cli.options import StoreOptions
from mem0milvus.cli.terminal import CommandUsageError, note

if TYPE_CHECKING:
    from mem0milvus.config import MemoryConfig, VectorStoreConfig


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration of one command."""

    given: Mapping[str, Any]  #: the dict for ``Memory.from_config``
    read: MemoryConfig  #: the same, validated
    shown: set[str]  #: the warnings that were printed

    @property
    def store(self) -> VectorStoreConfig:
        """The section of the store."""
        return self.read.vector_store.config


def read_settings(options: StoreOptions) -> Settings:
    """Read the configuration. Options take precedence over the file, and the file over the environment."""
    from mem0milvus.config import load_config

    given = {} if options.config is None else read_config_file(options.config)
    changes = {"url": options.url, "collection_name": options.collection}
    given = _with_store(given, {name: value for name, value in changes.items() if value is not None})
    shown: set[str] = set()
    with configuration_warnings(shown):
        return Settings(given, load_config(given), shown)


@contextmanager
def configuration_warnings(shown: set[str]) -> Iterator[None]:
    """Print each of the library's warnings about the configuration once, as a line on stderr."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", message="The configuration's", category=UserWarning)
        yield
    for message in (str(one.message) for one in caught):
        if message not in shown:
            shown.add(message)
            note(message, style="yellow")


def without_embedder(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration without its embedder and the length of its vectors."""
    section = config.get("vector_store", {})
    store = {key: value for key, value in section.get("config", {}).items() if key != "embedding_model_dims"}
    rest = {key: value for key, value in config.items() if key != "embedder"}
    return {**rest, "vector_store": {**section, "config": store}}


def keyless_provider(path: str, collection: str) -> str:
    """Return the embedder of a demo: the one of an earlier demo in this store, else ``local`` if it is installed."""
    from mem0milvus.config import VectorStoreConfig
    from mem0milvus.milvus.inspection import Inspection
    from mem0milvus.models import local_embedder, offline_embedder

    if Path(path).exists():
        with Inspection(VectorStoreConfig(uri=path)) as inspection:
            if collection in inspection.names() and inspection.look(collection).model == offline_embedder.MODEL:
                return "offline"
    return "local" if local_embedder.is_installed() else "offline"


def _with_store(config: dict[str, Any], changes: Mapping[str, str]) -> dict[str, Any]:
    section = config.get("vector_store", {})
    store = section.get("config", {}) if isinstance(section, Mapping) else None
    if not changes or not isinstance(store, Mapping):
        return config  # validation refuses a section that is not a dict, with a better message
    replaced = ("uri", "url") if "url" in changes else ()
    kept = {key: value for key, value in store.items() if key not in replaced}
    return {**config, "vector_store": {**section, "config": {**kept, **changes}}}


def read_config_file(path: Path, option: str = "--config") -> dict[str, Any]:
    """Read a dict from a file in TOML, YAML or JSON, by the ending of its name. ``option`` names it in messages."""
    readers: Mapping[str, Callable[[str], Any]] = {
        ".toml": _read_toml,
        ".json": json.loads,
        ".yaml": _read_yaml,
        ".yml": _read_yaml,
    }
    path = path.expanduser()
    named = f"{option} {str(path)!r}"
    if path.suffix.lower() not in readers:
        raise CommandUsageError(f"{named}: its name must end in {', '.join(readers)}.")
    if not path.is_file():
        problem = "is a folder" if path.is_dir() else "does not exist"
        raise CommandUsageError(f"{named} {problem}: name a file in TOML, YAML or JSON.")
    try:
        content = readers[path.suffix.lower()](path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:  # the errors of the three parsers and of UTF-8 are ValueErrors
        raise CommandUsageError(f"{named} cannot be read: {error}.") from error
    if not isinstance(content, dict):
        kind = type(content).__name__ if content is not None else "nothing"
        raise CommandUsageError(f'{named} holds {kind}; it must hold keys such as "vector_store" and "embedder".')
    return content


def _read_toml(text: str) -> Any:
    return _module("tomllib" if sys.version_info >= (3, 11) else "tomli", "TOML", "tomli").loads(text)


def _read_yaml(text: str) -> Any:
    yaml = _module("yaml", "YAML", "PyYAML")
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(error) from error


def _module(name: str, form: str, package: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise CommandUsageError(
            f"Reading {form} needs {package}: pip install {package}; or write the configuration in JSON."
        ) from error
