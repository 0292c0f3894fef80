"""Calls that an interruption, such as Ctrl-C, must not stop halfway.

Python raises ``KeyboardInterrupt``, and whatever a handler of a signal raises, in the main thread and at any point. If
that is while Milvus Lite starts or stops its gRPC server, the process hangs for good in gRPC's destructor when the half
started server is dropped, or the store stays locked (milvus-lite 3.2, grpcio 1.85).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from typing import Any, TypeVar

T = TypeVar("T")


def uninterrupted(function: Callable[[], T], undo: Callable[[T], object] | None = None) -> T:
    """Call a function in a thread of its own, and raise an interruption only after it has returned.

    Args:
        function: the function that must not be stopped halfway.
        undo: called with the result if an interruption keeps it from the caller.
    """
    if threading.current_thread() is not threading.main_thread():
        return function()
    call: Future[T] = Future()
    interruption: BaseException | None = None
    try:
        # With a copy of the context, records that the call logs are held back as in the caller's thread.
        arguments = (_run, call, function)
        threading.Thread(target=copy_context().run, args=arguments, name="mem0milvus-uninterrupted").start()
    except BaseException as error:
        if call.cancel():  # the thread has not begun, and will not
            raise
        interruption = error
    # From here on, the thread cannot be stopped: an interruption is kept until the thread has ended.
    interruption = _wait(call) or interruption
    if interruption is None:
        return call.result()
    if undo is not None and call.exception() is None:
        undo(call.result())
    raise interruption


def _run(call: Future[T], function: Callable[[], T]) -> None:
    if not call.set_running_or_notify_cancel():
        return
    try:
        call.set_result(function())
    except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
        call.set_exception(error)


def _wait(call: Future[Any]) -> BaseException | None:
    """Wait until the call has ended. Return the exception raised in this thread until then."""
    try:
        call.exception()
    except BaseException as error:  # noqa: BLE001 - Ctrl-C, perhaps not the last one
        return _wait(call) or error
    return None
