"""Namespaces of records: sequences of labels, stored as one text, the path.

A namespace is stored as its labels with ``/`` after each: ``("user", "1")`` is ``user/1/``. In a label, ``~`` is
written ``~0`` and ``/`` is written ``~1``, as in JSON Pointer (RFC 6901). So different namespaces have different paths,
and a namespace is inside another exactly if its path begins with the other's: ``user/10/`` does not begin with
``user/1/``.

The id of a record is the path of its namespace followed by its key. The ids of its further rows end in ``//`` and a
number; no path contains ``//``, because labels are not empty.

A namespace, label or key that breaks a rule is a ``ValidationError``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mem0milvus.data.limits import MAX_LABEL_BYTES, MAX_NAMESPACE_BYTES
from mem0milvus.data.quoting import shown
from mem0milvus.data.scope import check_short_text
from mem0milvus.errors import ValidationError

#: Matches any label in a pattern of ``list_namespaces``.
ANY_LABEL = "*"


def read_namespace(namespace: object, name: str = "namespace", *, may_be_empty: bool = False) -> str:
    """Check a namespace and return its path.

    Labels are compared exactly: labels that differ in case, in a trailing space or in their Unicode form are different.
    With ``may_be_empty``, the prefix of all namespaces, ``()``, is allowed.
    """
    if isinstance(namespace, str) or not isinstance(namespace, Sequence):
        raise ValidationError(f"{name} must be a tuple of texts, as in ('user', '1'), not {shown(namespace)}.")
    if not namespace and not may_be_empty:
        raise ValidationError(f"{name} is empty: give at least one label, as in ('user', '1').")
    path = "".join(f"{_escaped(label, f'{name}[{index}]')}/" for index, label in enumerate(namespace))
    if (length := len(path.encode())) > MAX_NAMESPACE_BYTES:
        raise ValidationError(f"{name} is {length:,} bytes long; the maximum is {MAX_NAMESPACE_BYTES:,}.")
    return path


def check_keys(keys: object) -> list[tuple[Any, Any]]:
    """Check that keys of several records are pairs of a namespace and a key; what is in them is checked elsewhere."""
    given = check_items(keys, "keys", "pairs of a namespace and a key, as in [(('user', '1'), 'name')]")
    for index, pair in enumerate(given):
        if not isinstance(pair, Sequence) or isinstance(pair, (str, bytes)) or len(pair) != 2:
            raise ValidationError(f"keys[{index}] must be a pair of a namespace and a key, not {shown(pair)}.")
    return given


def check_items(items: object, name: str, what: str) -> list[Any]:
    """Check a list, a tuple or another iterable of items, which is neither a text nor a dict, and return a list."""
    if isinstance(items, (str, bytes, bytearray, Mapping)) or not isinstance(items, Iterable):
        raise ValidationError(f"{name} must be a list of {what}, not {type(items).__name__} {shown(items)}.")
    return list(items)


def labels_of(path: str) -> tuple[str, ...]:
    """Return the labels of a namespace's path."""
    return tuple(map(_plain, path.split("/")[:-1]))


def record_id(path: str, key: object) -> str:
    """Return the id of the record with this key, which follows the rules of labels."""
    return path + _escaped(key, "key")


def key_of(record: str, path: str) -> str:
    """Return the key of a record, from its id and its namespace's path."""
    return _plain(record.removeprefix(path))


def part_id(record: str, part: int) -> str:
    """Return the id of the row with this number of a record."""
    return f"{record}//{part}" if part else record


def record_id_of(row: str) -> str:
    """Return the id of the record to which a row belongs."""
    return row.partition("//")[0]


def _escaped(label: object, name: str) -> str:
    if label == "":
        raise ValidationError(f"{name} must not be empty.")
    return check_short_text(label, name, MAX_LABEL_BYTES).replace("~", "~0").replace("/", "~1")


def _plain(label: str) -> str:
    return label.replace("~1", "/").replace("~0", "~")
