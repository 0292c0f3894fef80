"""Where a command finds its store and its models: a file, options, and the environment."""

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

from mem0milvus.cli.terminal import CommandUsageError, note

if TYPE_CHECKING:
    from mem0milvus.config import MemoryConfig, VectorStoreConfig

#: Names of an address in the configuration.
_ADDRESSES = ("uri", "url")


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration of one command.

    Attributes:
        given: what ``Memory.from_config`` takes.
        read: the same, read.
        told: the warnings that the person has seen.
    """

    given: Mapping[str, Any]
    read: MemoryConfig
    told: set[str]

    @property
    def store(self) -> VectorStoreConfig:
        """Where memories are kept."""
        return self.read.vector_store.config


def read_settings(file: Path | None, url: str | None, collection: str | None) -> Settings:
    """Read the configuration that a command is given.

    Args:
        file: of ``--config``; left out, what the environment says.
        url: of ``--url``, in the place of the file's.
        collection: of ``--collection``, in the place of the file's.

    Raises:
        CommandUsageError: the file cannot be read.
        ConfigError: what is configured cannot be used.
    """
    from mem0milvus.config import load_config

    given = {} if file is None else read_config_file(file)
    changes = {name: value for name, value in (("url", url), ("collection_name", collection)) if value is not None}
    given = _with_store(given, changes) if changes else given
    told: set[str] = set()
    with configuration_warnings(told):
        return Settings(given, load_config(given), told)


@contextmanager
def configuration_warnings(told: set[str]) -> Iterator[None]:
    """Show what the library warns about the configuration as lines on stderr, but for what was told before."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", message="The configuration's", category=UserWarning)
        yield
    for message in (str(one.message) for one in caught):
        if message not in told:
            told.add(message)
            note(message, style="yellow")


def without_embedder(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration without an embedder and the length of its vectors."""
    section = config.get("vector_store", {})
    store = {key: value for key, value in section.get("config", {}).items() if key != "embedding_model_dims"}
    rest = {key: value for key, value in config.items() if key != "embedder"}
    return {**rest, "vector_store": {**section, "config": store}}


def _with_store(config: Mapping[str, Any], changes: Mapping[str, str]) -> dict[str, Any]:
    """The configuration with these settings of the store in the place of its own."""
    section = config.get("vector_store", {})
    store = section.get("config", {}) if isinstance(section, Mapping) else {}
    if not isinstance(section, Mapping) or not isinstance(store, Mapping):
        return dict(config)  # what is wrong with it is told when it is read
    kept = {key: value for key, value in store.items() if not ("url" in changes and key in _ADDRESSES)}
    return {**config, "vector_store": {**section, "config": {**kept, **changes}}}


def read_config_file(path: Path, option: str = "--config") -> dict[str, Any]:
    """A configuration in TOML, YAML or JSON, by the ending of its name.

    Args:
        path: the file.
        option: what named it, for messages.

    Raises:
        CommandUsageError: it cannot be read, or holds no configuration.
    """
    readers: Mapping[str, Callable[[str], Any]] = {
        ".toml": _read_toml,
        ".json": json.loads,
        ".yaml": _read_yaml,
        ".yml": _read_yaml,
    }
    path = path.expanduser()
    if path.suffix.lower() not in readers:
        raise CommandUsageError(f"{option} {str(path)!r}: its name must end in {', '.join(readers)}.")
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise CommandUsageError(f"{option} {str(path)!r} {what}: name a file in TOML, YAML or JSON.")
    try:
        content = readers[path.suffix.lower()](path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:  # those of the three readers are ValueErrors, and so is wrong UTF-8
        raise CommandUsageError(f"{option} {str(path)!r} cannot be read: {error}.") from error
    if not isinstance(content, dict):
        raise CommandUsageError(
            f"{option} {str(path)!r} holds {type(content).__name__ if content is not None else 'nothing'}; "
            'it must hold keys as "vector_store" and "embedder".'
        )
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
