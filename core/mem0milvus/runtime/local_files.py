"""Files of lines in the local file system, for both drivers."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from os import PathLike
from pathlib import Path

from typing_extensions import override

from mem0milvus.errors import StoreError, ValidationError
from mem0milvus.ports import Driver, Files, NewFile, OldFile

#: Approximate bytes read at a time.
_READ_BYTES = 1_000_000


class LocalFiles(Files):
    """The local file system."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    @override
    @asynccontextmanager
    async def create(self, path: str | PathLike[str], *, overwrite: bool) -> AsyncIterator[NewFile]:
        file = await self._driver.call(_LocalNewFile, Path(path), overwrite, self._driver)
        try:
            yield file
        finally:
            await self._driver.call(file.discard)

    @override
    @asynccontextmanager
    async def open(self, path: str | PathLike[str]) -> AsyncIterator[OldFile]:
        file = await self._driver.call(_LocalOldFile, Path(path), self._driver)
        try:
            yield file
        finally:
            await self._driver.call(file.stream.close)


class _LocalNewFile(NewFile):
    """A temporary file that gets the name of the final one at the end."""

    def __init__(self, path: Path, overwrite: bool, driver: Driver) -> None:
        _check_free(path, overwrite)
        try:
            # In the final folder, because a file cannot be renamed across file systems. It contains memories, and
            # ``mkstemp`` makes it readable by its owner alone.
            number, part = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.absolute().parent)
        except OSError as error:
            raise ValidationError(f"Nothing can be written at {path}: {error.strerror or error}.") from error
        self._path = path
        self._part = Path(part)
        self._stream = os.fdopen(number, "wb")
        self._overwrite = overwrite
        self._driver = driver

    @override
    async def write(self, lines: Sequence[bytes]) -> None:
        with _writing(self._path):
            await self._driver.call(self._stream.writelines, lines)

    @override
    async def finish(self, first: bytes) -> None:
        with _writing(self._path):
            await self._driver.call(self._finish, first)

    def _finish(self, first: bytes) -> None:
        self._stream.seek(0)
        self._stream.write(first)
        self._stream.flush()
        # On disk before it has its name: a crash must not leave a complete-looking file with missing contents.
        os.fsync(self._stream.fileno())
        self._stream.close()
        _check_free(self._path, self._overwrite)  # again: the path may have been taken while lines were written
        self._part.replace(self._path)

    def discard(self) -> None:
        """Delete the temporary file if it was not finished."""
        with suppress(OSError):  # on a full disk, closing fails again while it writes the buffer
            self._stream.close()
        self._part.unlink(missing_ok=True)


class _LocalOldFile(OldFile):
    def __init__(self, path: Path, driver: Driver) -> None:
        try:
            self.stream = path.open("rb")
        except OSError as error:
            raise ValidationError(f"{path} cannot be read: {error.strerror or error}.") from error
        self._path = path
        self._driver = driver

    @override
    async def lines(self) -> list[bytes]:
        try:
            return await self._driver.call(self.stream.readlines, _READ_BYTES)
        except OSError as error:
            raise StoreError(f"{self._path} cannot be read: {error.strerror or error}.") from error


def _check_free(path: Path, overwrite: bool) -> None:
    if path.is_dir():
        raise ValidationError(f"{path} is a folder: give the path of a file.")
    if path.exists() and not overwrite:
        raise ValidationError(f"{path} already exists: name another file, or pass overwrite=True to replace it.")


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}. No file was made.") from error
