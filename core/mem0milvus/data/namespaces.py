"""Namespaces of records: labels from the outside in, and the one text that stands for them in the store.

A namespace is stored as its labels with ``/`` after each: ``("user", "1")`` is ``user/1/``. In a label, ``~`` is
written ``~0`` and ``/`` is written ``~1``, as JSON Pointer does (RFC 6901). So no two namespaces have the same path,
and one lies within another exactly where its path begins with the other's: ``user/10/`` does not begin with
``user/1/``.

A record's id is the path of its namespace and its key; the id of a further row of it ends in ``//`` and a number, which
no path has, because no label is empty.
"""

from __future__ import annotations

from collections.abc import Sequence

from mem0milvus.data.limits import MAX_LABEL_BYTES, MAX_NAMESPACE_BYTES
from mem0milvus.data.scope import check_characters
from mem0milvus.errors import ValidationError

#: Stands for any label in a pattern of ``list_namespaces``.
ANY_LABEL = "*"


def read_namespace(namespace: object, name: str = "namespace", *, may_be_empty: bool = False) -> str:
    """Check a namespace and give its path.

    Labels are taken as they are: two that differ in case, in a trailing space or in their Unicode form are two.

    Args:
        namespace: a tuple or list of labels.
        name: the argument's name, for messages.
        may_be_empty: whether ``()`` will do: the prefix of everything.

    Raises:
        ValidationError: it is no sequence of labels, has none, or one is empty, no text, too long, or holds characters
            that cannot be stored safely; or all together are too long.
    """
    if isinstance(namespace, str) or not isinstance(namespace, Sequence):
        raise ValidationError(f"{name} must be a tuple of texts, as in ('user', '1'), not {namespace!r}.")
    if not namespace and not may_be_empty:
        raise ValidationError(f"{name} is empty: give at least one label, as in ('user', '1').")
    path = "".join(f"{_escaped(label, f'{name}[{index}]')}/" for index, label in enumerate(namespace))
    if (length := len(path.encode())) > MAX_NAMESPACE_BYTES:
        raise ValidationError(f"{name} is {length:,} bytes long and the most is {MAX_NAMESPACE_BYTES:,}.")
    return path


def labels_of(path: str) -> tuple[str, ...]:
    """The labels of a namespace's path."""
    return tuple(map(_plain, path.split("/")[:-1]))


def record_id(path: str, key: object) -> str:
    """The id of the record with this key in the namespace with this path.

    Raises:
        ValidationError: it cannot be a key; the rules are those of labels.
    """
    return path + _escaped(key, "key")


def key_of(record: str, path: str) -> str:
    """The key of a record, from its id and its namespace's path."""
    return _plain(record.removeprefix(path))


def part_id(record: str, part: int) -> str:
    """The id of a record's row with this number."""
    return f"{record}//{part}" if part else record


def record_id_of(row: str) -> str:
    """The id of the record that a row belongs to."""
    return row.partition("//")[0]


def _escaped(label: object, name: str) -> str:
    if not isinstance(label, str):
        raise ValidationError(f"{name} must be a text, not {type(label).__name__} {label!r}: use {str(label)!r}.")
    if not label:
        raise ValidationError(f"{name} is empty: it names nothing.")
    check_characters(label, name)
    if (length := len(label.encode())) > MAX_LABEL_BYTES:
        raise ValidationError(
            f"{name} is {length:,} bytes long in UTF-8 and the most is {MAX_LABEL_BYTES}: {label[:40]!r}…"
        )
    return label.replace("~", "~0").replace("/", "~1")


def _plain(label: str) -> str:
    return label.replace("~1", "/").replace("~0", "~")
