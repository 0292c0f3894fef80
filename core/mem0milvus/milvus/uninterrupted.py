"""Carrying through what an interruption, such as Ctrl-C, must not stop halfway.

Python raises ``KeyboardInterrupt``, and whatever else a handler of a signal raises, in the main thread and anywhere.
Where that is while Milvus Lite starts or stops its gRPC server, the process hangs for good when Python drops the server
that was half started.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Generic, TypeVar

T = TypeVar("T")


def uninterrupted(function: Callable[[], T], undo: Callable[[T], object] | None = None) -> T:
    """Call a function in a thread of its own, and raise an interruption only when it has ended.

    Args:
        function: what must not be stopped halfway.
        undo: called with what the function made, when nobody gets it because of an interruption.
    """
    if threading.current_thread() is not threading.main_thread():
        return function()
    call = _Call(function)
    interruption: BaseException | None = None
    try:
        threading.Thread(target=call.run, name="mem0milvus-uninterrupted").start()
    except BaseException as error:
        if call.cancel():
            raise
        interruption = error
    interruption = call.wait() or interruption
    if interruption is None:
        return call.result()
    if undo is not None and call.error is None:
        undo(call.result())
    raise interruption


class _Call(Generic[T]):
    """A call in another thread: it may be cancelled until it begins, and then only be waited for."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._context = copy_context()
        self._gate = threading.Lock()
        self._begun = False
        self._cancelled = False
        self._ended = threading.Event()
        self._results: list[T] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        """What the thread does."""
        with self._gate:
            if self._cancelled:
                return
            self._begun = True
        try:
            self._results.append(self._context.run(self._function))
        except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
            self.error = error
        finally:
            self._ended.set()

    def cancel(self) -> bool:
        """See to it that it never begins; False when it has."""
        with self._gate:
            self._cancelled = not self._begun
            return self._cancelled

    def wait(self) -> BaseException | None:
        """Wait until it has ended, whatever is raised meanwhile; that is returned."""
        try:
            self._ended.wait()
        except BaseException as error:  # noqa: BLE001 - Ctrl-C, perhaps not the last one
            return self.wait() or error
        return None

    def result(self) -> T:
        """What the function returned; what it raised is raised."""
        if self.error is not None:
            raise self.error
        return self._results[0]
