"""Translation of pymilvus's failures into this library's errors.

pymilvus and Milvus Lite log a failure with its traceback before they raise it. The caller gets one error and decides
what to log, so these log records are held back while one of our calls runs. Milvus Lite logs some exceptions and raises
none; they are taken from the records.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING

from mem0milvus.config.secrets import Secrets
from mem0milvus.errors import StoreError, StoreLockedError, StoreUnavailableError

if TYPE_CHECKING:
    from logging import LogRecord

#: Loggers that report a failed call in the caller's thread.
_NOISY_LOGGERS = (
    "pymilvus.decorators",
    "pymilvus.client.connection_manager",
    "pymilvus.client.grpc_handler",
    "milvus_lite.server_manager",
)

#: Logger in which Milvus Lite, in its server's threads, reports a failure that it also returns to the caller.
_LITE_SERVER_LOGGER = "milvus_lite.adapter.grpc.servicer"

#: gRPC statuses of a request that no server answered in time. pymilvus 3.0 raises such an error of gRPC unchanged.
_NO_ANSWER_STATUSES = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED"})

# Milvus's codes are in pkg/util/merr/errors.go of its sources, from 2.3 on; Milvus Lite 3.2 uses 100, 101, 200 and 700
# in the same sense. 2 is "service unavailable" there and "Fail connecting to server" in pymilvus; 10001 is a deadline
# inside the server.
_NO_ANSWER_CODES = frozenset({2, 10_001})

#: Codes of a server that is starting, or that recovers after one of its parts failed: rate limit (8), collection not
#: loaded or recovering (101, 103, 106), partition not loaded (201, 202), replica not available (401), channel missing
#: (500, 503), segment not loaded (601), query node missing or offline (901 to 905).
_NOT_READY_CODES = frozenset({8, 101, 103, 106, 201, 202, 401, 500, 503, 601, 901, 902, 903, 904, 905})

#: ``compatible_code`` of the same: no replica, not ready, coordinator activating. Milvus's "service not ready" has the
#: code 1, as an error without a code has, so only the compatible code distinguishes them.
_NOT_READY_OLD_CODES = frozenset({46, 56, 57})

#: Codes without a meaning: the default of pymilvus and Milvus Lite (1), and Milvus's "service internal error" (5) and
#: "unexpected error" (65535), which wrap the failures of other programs.
_NO_CODE = frozenset({0, 1, 5, 65_535})

#: Quoted and bracketed parts of a message. They are names, filters and values: a search in a collection named
#: ``user_timeouts``, or for the text "not ready", must not count as a failure of the server.
_QUOTED = re.compile(r"""(["'`])(?:\\.|(?!\1).)*\1|\[[^]]*]""", re.DOTALL)

# Outside of quotes a name has no space, so each phrase has one.
_NO_ANSWER_WORDS = re.compile(
    r"(service|server) unavailable|code = (unavailable|deadlineexceeded)|connection refused|deadline exceeded"
    r"|retry timeout:|retry run out of|^(wait for|get) [\w ]+ timeout, "
)
_NOT_READY_WORDS = re.compile(r"not (fully )?loaded|not? available|not ready|not healthy|not subscribed|on recovering")

#: Warnings held back from the log while one of our calls runs in this context.
_held_back: ContextVar[list[LogRecord] | None] = ContextVar("mem0milvus_held_back", default=None)

#: Ids of the lists of warnings of all running calls. Milvus Lite's threads have contexts of their own, in which
#: ``_held_back`` is not set.
_running: set[int] = set()


def _is_logged(record: LogRecord) -> bool:
    held = _held_back.get()
    if held is None or record.levelno < logging.WARNING:
        return True
    held.append(record)
    return False


def _is_logged_by_lite(record: LogRecord) -> bool:
    return not _running or record.levelno < logging.WARNING


@contextmanager
def translated(action: str, uri: str) -> Iterator[None]:
    """Run a call of pymilvus, and raise its failure as a ``StoreError`` or one of its subclasses.

    Args:
        action: the call, for the message, for example ``"search 'memories'"``.
        uri: the store, for the message; without credentials.
    """
    import grpc
    from pymilvus.exceptions import MilvusException

    _watch_loggers()
    held: list[LogRecord] = []
    token = _held_back.set(held)
    try:
        _running.add(id(held))
        yield
    except (MilvusException, grpc.RpcError, grpc.FutureTimeoutError) as error:
        logged = _logged_exception(held)
        translation, secrets = _translate(error, logged, action, uri), Secrets()
        secrets.clean(translation)
        raise translation from secrets.cause(logged or error)
    finally:
        _running.discard(id(held))
        _held_back.reset(token)


@lru_cache(maxsize=1)
def _watch_loggers() -> None:
    for name in _NOISY_LOGGERS:
        logging.getLogger(name).addFilter(_is_logged)
    logging.getLogger(_LITE_SERVER_LOGGER).addFilter(_is_logged_by_lite)


def _logged_exception(held: list[LogRecord]) -> BaseException | None:
    """Return the exception that Milvus Lite logged and did not raise.

    Milvus Lite 3.2 logs why its server cannot start, and pymilvus then raises only "Open local milvus failed".
    """
    for record in held:
        if record.name.startswith("milvus_lite") and record.exc_info:
            return record.exc_info[1]
    return None


def _translate(error: Exception, logged: BaseException | None, action: str, uri: str) -> StoreError:
    if type(logged).__name__ == "DataDirLockedError":
        return StoreLockedError(
            f"Another process has {uri} open, and Milvus Lite serves one process at a time. Close it there, or let "
            "both talk to a server: `milvus-lite server --data-dir DIR --port 19530 --max-workers 1`, then "
            "url='http://localhost:19530'."
        )
    if logged is not None:
        return StoreError(f"Cannot {action} at {uri}: {type(logged).__name__}: {logged}")
    reason = _reason(error)
    words = _QUOTED.sub("", reason).lower() if _code(error) in _NO_CODE else ""
    if _is_not_ready(error, words):
        return StoreUnavailableError(f"Cannot {action}: Milvus at {uri} is not ready; try again soon. ({reason})")
    if _is_unanswered(error, words):
        return StoreUnavailableError(
            f"Cannot {action}: no answer from Milvus at {uri}. Is it running and reachable? ({reason})"
        )
    return StoreError(f"Cannot {action} at {uri}: {reason}")


def _is_not_ready(error: Exception, words: str) -> bool:
    return (
        _code(error) in _NOT_READY_CODES
        or getattr(error, "compatible_code", 0) in _NOT_READY_OLD_CODES
        or _NOT_READY_WORDS.search(words) is not None
    )


def _is_unanswered(error: Exception, words: str) -> bool:
    import grpc

    code = _code(error)
    if isinstance(error, grpc.RpcError):
        return getattr(code, "name", "") in _NO_ANSWER_STATUSES
    return (
        isinstance(error, grpc.FutureTimeoutError)
        # pymilvus repeats a request until its timeout; then the code is the gRPC status of the last attempt.
        or isinstance(code, grpc.StatusCode)
        or code in _NO_ANSWER_CODES
        or _NO_ANSWER_WORDS.search(words) is not None
    )


def _code(error: Exception) -> object:
    """Return Milvus's code of a ``MilvusException``, the status of an error of gRPC; 0 if it has neither."""
    code = getattr(error, "code", 0)
    return code() if callable(code) else code


def _reason(error: Exception) -> str:
    """Return the message of a failure without the state of the call, which gRPC prints with its errors."""
    details = getattr(error, "details", None)
    return str(getattr(error, "message", None) or (details() if callable(details) else None) or error)
