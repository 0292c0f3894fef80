"""The folder of a Milvus Lite store: checks of its path and files, and reading it while no process writes."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mem0milvus.errors import ConfigError, StoreError, StoreLockedError

#: First and last bytes of a file with rows.
_PARQUET = b"PAR1"


def check_path(uri: str) -> Path:
    """Return the real path of a store that exists or can be created. Raises ``ConfigError`` or ``StoreError``.

    It is absolute, without ``..`` and symbolic links, and so the same for all spellings; ``same_folder`` tells what
    else may be the same. Only pymilvus's condition comes first, that a path ends in ``.db``: a link with such a name
    to a folder without it keeps its own name, in its real folder.
    """
    if Path(uri).suffix != ".db":
        raise ConfigError(
            f"url={uri!r}: a Milvus Lite path must end in .db, and a server's address begins with http:// or https://."
        )
    spelled = Path(uri).absolute()
    path = real = Path(os.path.realpath(spelled))
    if real.suffix != ".db":
        path = Path(os.path.realpath(spelled.parent), spelled.name)
    try:
        _check_links(spelled, real)
        is_file, has_parent = path.is_file(), path.parent.is_dir()
    except OSError as error:  # a parent folder that this user may not enter
        raise StoreError(f"Cannot open {uri}: {type(error).__name__}: {error}") from error
    if is_file:
        raise StoreError(
            f"{uri} is a file, and Milvus Lite 3 keeps a folder there: it looks like a store of Milvus Lite 2, which "
            "cannot be opened. Name another path, or export it with the version that wrote it."
        )
    if not has_parent:
        raise ConfigError(f"url={uri!r}: the folder {path.parent} does not exist. Create it first.")
    return path


def _check_links(spelled: Path, real: Path) -> None:
    try:
        spelled.stat()
    except (FileNotFoundError, NotADirectoryError):
        if spelled.is_symlink():
            raise StoreError(
                f"{spelled} is a symbolic link to {real}, which does not exist. Create that folder, or mount the disk "
                "that has it, or remove the link."
            ) from None
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise StoreError(
            f"{spelled} cannot be opened: its symbolic links lead back to themselves. Remove one of them, or name "
            "another path."
        ) from error


def same_folder(path: Path, other: Path) -> bool:
    """Return whether two paths lead to one existing folder, as where names differ in case or a folder is mounted twice.

    Compares device and inode.
    """
    try:
        return path.samefile(other)
    except OSError:  # one of them does not exist
        return False


def make_folder(path: Path) -> None:
    """Create the folder of a store, if it is missing, for this user alone (0700), whatever the umask.

    An existing folder keeps its permissions. Nobody else can enter a new one, and so nobody reaches the files in it,
    which Milvus Lite creates with the umask of the process. They are not changed one by one: each flush makes new ones.
    """
    try:
        path.mkdir(mode=0o700)
        path.chmod(0o700)  # the umask may have taken away the owner's permissions
    except FileExistsError:
        return
    except OSError as error:
        raise StoreError(f"Cannot create the folder {path}: {type(error).__name__}: {error}") from error


def check_documents(path: Path) -> None:
    """Refuse a store with an unreadable list of files, as after a failure of the disk.

    Milvus Lite 3.2 would silently go back to the previous list, ``manifest.json.prev``, and delete every file that is
    not in it: rows are lost, and deleted memories return.
    """
    for document, reason in _damaged_documents(path):
        raise StoreError(
            f"{document} cannot be read ({reason}), as after a failure of the disk. Nothing was changed: restore the "
            "store from a backup, or, in a copy, remove this file to go back to an earlier state."
        )


def damaged_files(path: Path) -> list[Path]:
    """Return the files of a store that are cut off or overwritten, except indexes, which can be rebuilt.

    Call it before opening the store: see ``check_documents``.
    """
    rows = [*path.rglob("data_*.parquet"), *path.rglob("delta_*.parquet")]
    return sorted([file for file, _ in _damaged_documents(path)] + [file for file in rows if not _is_parquet(file)])


def _damaged_documents(path: Path) -> Iterator[tuple[Path, str]]:
    for folder in ("collections/*", "databases/*/collections/*"):
        for name in ("schema.json", "manifest.json"):
            for document in path.glob(f"{folder}/{name}"):
                if reason := _json_fault(document):
                    yield document, reason


def _json_fault(document: Path) -> str:
    try:
        content = json.loads(document.read_bytes())
    except ValueError as error:
        return str(error)
    return "" if content and isinstance(content, dict) else "it is no JSON object with entries"


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        begins = file.read(len(_PARQUET)) == _PARQUET
        file.seek(max(0, path.stat().st_size - len(_PARQUET)))
        return begins and file.read() == _PARQUET


def remove_unfinished(folder: Path) -> None:
    """Remove the folder of a collection whose creation was interrupted.

    If Milvus Lite 3.2 is killed, or finds the disk full, between making the folder and writing ``schema.json``, it
    refuses from then on to create the collection. A folder with rows, as after an interrupted deletion, is not removed:
    that is a ``StoreError``.
    """
    if not folder.is_dir() or (folder / "schema.json").exists():
        return
    if left := [path for path in folder.rglob("*") if path.is_file() and path.name != "schema.json.tmp"]:
        raise StoreError(
            f"{folder} holds files of a collection without its schema, such as {left[0].name}: it was being "
            "deleted when the process ended. Remove the folder, or choose another collection_name."
        )
    shutil.rmtree(folder)


def copy_store(path: Path, copy: Path) -> None:
    """Copy a store. It is a ``StoreLockedError`` if a process has it open, another ``StoreError`` if copying fails."""
    try:
        with _locked(path):
            # Without LOCK, which Milvus Lite creates if it is missing.
            shutil.copytree(path, copy, ignore=shutil.ignore_patterns("LOCK"))
    except OSError as error:  # shutil.Error is one
        raise StoreError(f"{path} cannot be copied to {copy.parent}, to be read there: {error}") from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other processes from opening the store, by the file that Milvus Lite itself locks."""
    try:
        import fcntl
    except ImportError:  # Windows, for which Milvus Lite is not released
        yield
        return
    lock = path / "LOCK"
    if not lock.exists():
        yield
        return
    # A shared lock: it fails while Milvus Lite holds its exclusive one, and keeps Milvus Lite from taking that.
    with lock.open("rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreLockedError(
                f"Another process has {path} open. Stop it while its memories are copied."
            ) from error
        yield
