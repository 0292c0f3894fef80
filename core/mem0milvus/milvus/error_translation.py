"""The one place where failures of pymilvus become this library's errors.

pymilvus and Milvus Lite log a failure, with its traceback, before they raise it. The caller gets one error and
decides what is worth a line in a log, so those lines are held back while a call of ours runs; a
failure that they swallow is picked up from there.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING

from mem0milvus.errors import StoreError, StoreLockedError, StoreUnavailableError

if TYPE_CHECKING:
    from logging import LogRecord

#: The loggers that report a failed call in the caller's thread.
_NOISY_LOGGERS = (
    "pymilvus.decorators",
    "pymilvus.client.connection_manager",
    "pymilvus.client.grpc_handler",
    "milvus_lite.server_manager",
)

#: The logger in which Milvus Lite, in threads of its own, reports a failure that it answers to the caller as well.
_LITE_SERVER_LOGGER = "milvus_lite.adapter.grpc.servicer"

#: gRPC and Milvus say in these words that nobody answered, or not in time.
_UNAVAILABLE_WORDS = (
    "unavailable",
    "deadline exceeded",
    "fail connecting",
    "connection refused",
    "timeout",
    "retry run out",
)

#: A server that is starting, or recovering after one of its parts failed, says in these words that it will be able to
#: answer soon.
_NOT_READY_WORDS = ("not loaded", "not available", "no available", "not ready", "not healthy", "not subscribed")

_held_back: ContextVar[list[LogRecord] | None] = ContextVar("mem0milvus_held_back", default=None)


class _HoldBack(logging.Filter):
    """Keeps a record from the log, and for us, while one of our calls runs in this context."""

    def filter(self, record: LogRecord) -> bool:
        held = _held_back.get()
        if held is None or record.levelno < logging.WARNING:
            return True
        held.append(record)
        return False


class _HoldBackLite(logging.Filter):
    """Keeps what Milvus Lite's threads report from the log while any call of ours is under way."""

    def __init__(self) -> None:
        super().__init__()
        self._calls = 0
        self._mutex = threading.Lock()

    def filter(self, record: LogRecord) -> bool:
        return self._calls == 0 or record.levelno < logging.WARNING

    @contextmanager
    def during_call(self) -> Iterator[None]:
        with self._mutex:
            self._calls += 1
        try:
            yield
        finally:
            with self._mutex:
                self._calls -= 1


_HOLD_BACK = _HoldBack()
_HOLD_BACK_LITE = _HoldBackLite()


@contextmanager
def translated(action: str, uri: str) -> Iterator[None]:
    """Run a call of pymilvus; a failure becomes a ``StoreError`` or one of its kinds.

    Args:
        action: what is being done, for the message, as in ``"search 'memories'"``.
        uri: where, for the message; without credentials.
    """
    import grpc
    from pymilvus.exceptions import MilvusException

    _watch_loggers()
    held: list[LogRecord] = []
    token = _held_back.set(held)
    try:
        with _HOLD_BACK_LITE.during_call():
            yield
    except (MilvusException, grpc.RpcError, grpc.FutureTimeoutError) as error:
        raise _translate(error, _swallowed(held), action, uri) from (_swallowed(held) or error)
    finally:
        _held_back.reset(token)


@lru_cache(maxsize=1)
def _watch_loggers() -> None:
    for name in _NOISY_LOGGERS:
        logging.getLogger(name).addFilter(_HOLD_BACK)
    logging.getLogger(_LITE_SERVER_LOGGER).addFilter(_HOLD_BACK_LITE)


def _swallowed(held: list[LogRecord]) -> BaseException | None:
    """The exception that Milvus Lite logged rather than raised."""
    for record in held:
        if record.name.startswith("milvus_lite") and record.exc_info:
            return record.exc_info[1]
    return None


def _translate(error: Exception, swallowed: BaseException | None, action: str, uri: str) -> StoreError:
    if type(swallowed).__name__ == "DataDirLockedError":
        return StoreLockedError(
            f"Another process has {uri} open, and Milvus Lite serves one process at a time. Close it there, or let "
            "both talk to a server: `milvus-lite server --data-dir DIR --port 19530 --max-workers 1`, then "
            "url='http://localhost:19530'."
        )
    if swallowed is not None:
        return StoreError(f"Cannot {action} at {uri}: {type(swallowed).__name__}: {swallowed}")
    reason = _reason(error)
    text = str(error).lower()
    if any(word in text for word in _NOT_READY_WORDS):
        return StoreUnavailableError(f"Cannot {action}: Milvus at {uri} is not ready; try again soon. ({reason})")
    if any(word in text for word in _UNAVAILABLE_WORDS):
        return StoreUnavailableError(
            f"Cannot {action}: no answer from Milvus at {uri}. Is it running and reachable? ({reason})"
        )
    return StoreError(f"Cannot {action} at {uri}: {reason}")


def _reason(error: Exception) -> str:
    """What the failure says, without the state of the call that gRPC's errors print with it."""
    details = getattr(error, "details", None)
    return str(getattr(error, "message", None) or (details() if callable(details) else None) or error)
