"""A server in a child process: started on a free port, stopped for sure."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

#: Seconds within which a server must answer. The wheel unpacks 200 MB first; it takes about ten.
START_TIMEOUT_S = 90


class ServerProcess:
    """A server with a folder and a port of its own, which it keeps when it is started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        """Start it and wait until it answers."""
        log = self.folder / "process.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                self.command(),
                cwd=self.folder,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,  # a process group of its own, to be ended as a whole
            )
        try:
            self._wait(log)
        except BaseException:
            self.kill()
            raise

    def _wait(self, log: Path) -> None:
        assert self._process is not None
        end = time.monotonic() + START_TIMEOUT_S
        while not _answers(self.uri):
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{' '.join(self.command())} does not serve:\n{log.read_text()[-4000:]}")
            time.sleep(0.1)

    def pause(self) -> None:
        """Let it hang: it neither answers nor closes its connections."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it and every process it started, at once."""
        if self._process is None:
            return
        self._signal(signal.SIGKILL)
        self._process.wait()
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process = None

    def discard(self) -> None:
        """End it and remove its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)


class Standalone(ServerProcess):
    """Milvus 2.3.5 standalone, from the wheel.

    Args:
        folder: its own.
        tick_ms: how often its clock moves on. A read after a write waits for that, so a quick one makes quick tests.
    """

    def __init__(self, folder: Path, tick_ms: int = 200) -> None:
        super().__init__(folder)
        self._tick_ms = tick_ms

    def command(self) -> list[str]:
        script = Path(__file__).with_name("standalone.py")
        return [sys.executable, str(script), str(self.folder / "milvus"), str(self.port), str(self._tick_ms)]


class LiteServer(ServerProcess):
    """Milvus Lite behind TCP."""

    def command(self) -> list[str]:
        program = Path(sys.executable).with_name("milvus-lite")
        folder = ["--data-dir", str(self.folder / "lite")]
        return [str(program), "server", *folder, "--host", "127.0.0.1", "--port", str(self.port), "--max-workers", "1"]


def _free_port() -> int:
    """A port that was free just now, below those that the system gives to outgoing connections."""
    for port in range(20_000 + os.getpid() % 5_000, 32_000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")


def _answers(uri: str) -> bool:
    """Whether a Milvus answers there and says that it is ready."""
    import grpc
    from pymilvus import MilvusClient
    from pymilvus.exceptions import MilvusException

    try:
        client = MilvusClient(uri, timeout=2, dedicated=True)
    except (MilvusException, grpc.RpcError):
        return False
    try:
        client.list_collections(timeout=2)
    except (MilvusException, grpc.RpcError):
        return False
    else:
        return True
    finally:
        client.close()
