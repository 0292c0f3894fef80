"""A cancelled call whose write fails afterwards: nobody awaits the failure, and asyncio does not complain of it."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading

import pytest

from mem0milvus import StoreError
from mem0milvus.runtime.thread_driver import ThreadDriver


@pytest.mark.parametrize("fails", [True, False])
def test_a_step_that_fails_after_its_caller_was_cancelled_is_logged(
    caplog: pytest.LogCaptureFixture, fails: bool
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    started, go_on = threading.Event(), threading.Event()

    def write() -> None:
        started.set()
        go_on.wait(10)
        if fails:
            raise StoreError("the text of a memory")

    async def cancel() -> list[str]:
        complaints: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context["message"]))
        with ThreadPoolExecutor(1) as pool:
            driver = ThreadDriver(lambda: pool)
            call = asyncio.ensure_future(driver.shield(driver.call(write)))
            await asyncio.to_thread(started.wait, 10)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            go_on.set()
            await driver.settle()
            await asyncio.sleep(0)
        del call
        gc.collect()
        return complaints

    with caplog.at_level(logging.DEBUG, "mem0milvus"):
        assert asyncio.run(cancel()) == []
    assert ("failed after its caller was cancelled: StoreError" in caplog.text) == fails
    assert "the text of a memory" not in caplog.text
