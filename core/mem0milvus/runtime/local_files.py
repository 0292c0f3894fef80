"""Files of lines: the ``ports.Files`` of this machine, one body for both drivers."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import IO

from mem0milvus.errors import StoreError, ValidationError
from mem0milvus.ports import Driver

#: About so many bytes are read at a time.
_READ_BYTES = 1_000_000


class LocalFiles:
    """See ``ports.Files``."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    @asynccontextmanager
    async def create(self, path: str | PathLike[str], *, overwrite: bool) -> AsyncIterator[_NewFile]:
        """See ``ports.Files``."""
        file = await self._driver.call(_NewFile.begin, Path(path), overwrite, self._driver)
        try:
            yield file
        finally:
            await self._driver.call(file.discard)

    @asynccontextmanager
    async def open(self, path: str | PathLike[str]) -> AsyncIterator[_OldFile]:
        """See ``ports.Files``."""
        stream = await self._driver.call(_open, Path(path))
        try:
            yield _OldFile(Path(path), stream, self._driver)
        finally:
            await self._driver.call(stream.close)


class _NewFile:
    """A file beside the one that it is to become, readable by its owner alone: it holds memories."""

    def __init__(self, path: Path, part: Path, stream: IO[bytes], overwrite: bool, driver: Driver) -> None:
        self._path = path
        self._part = part
        self._stream = stream
        self._overwrite = overwrite
        self._driver = driver

    @classmethod
    def begin(cls, path: Path, overwrite: bool, driver: Driver) -> _NewFile:
        """Make the file.

        Raises:
            ValidationError: the path is taken, or nothing can be made there.
        """
        _check_free(path, overwrite)
        try:
            number, part = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.absolute().parent)
        except OSError as error:
            raise ValidationError(f"Nothing can be written at {path}: {error.strerror or error}.") from error
        return cls(path, Path(part), os.fdopen(number, "wb"), overwrite, driver)

    async def write(self, lines: Sequence[bytes]) -> None:
        """See ``ports.NewFile``."""
        with _writing(self._path):
            await self._driver.call(self._stream.writelines, lines)

    async def finish(self, first: bytes) -> None:
        """See ``ports.NewFile``."""
        with _writing(self._path):
            await self._driver.call(self._finish, first)

    def _finish(self, first: bytes) -> None:
        self._stream.seek(0)
        self._stream.write(first)
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()
        _check_free(self._path, self._overwrite)
        self._part.replace(self._path)

    def discard(self) -> None:
        """Remove what was not finished."""
        with suppress(OSError):  # a full disk fails once more when it is closed
            self._stream.close()
        self._part.unlink(missing_ok=True)


class _OldFile:
    def __init__(self, path: Path, stream: IO[bytes], driver: Driver) -> None:
        self._path = path
        self._stream = stream
        self._driver = driver

    async def lines(self) -> list[bytes]:
        """See ``ports.OldFile``."""
        try:
            return await self._driver.call(self._stream.readlines, _READ_BYTES)
        except OSError as error:
            raise StoreError(f"{self._path} cannot be read: {error.strerror or error}.") from error


def _open(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise ValidationError(f"{path} cannot be read: {error.strerror or error}.") from error


def _check_free(path: Path, overwrite: bool) -> None:
    if path.is_dir():
        raise ValidationError(f"{path} is a folder: name a file.")
    if path.exists() and not overwrite:
        raise ValidationError(f"{path} is there already: name another file, or say overwrite=True to replace it.")


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}. Nothing is left of it.") from error
