"""An extension of Griffe: what the pages of the API show beside docstrings.

Keys of typed dicts are described by the comment at the end of their line, and type aliases by the ``#:`` lines above.
Both become part of docstrings here.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

#: What is said of a key at the end of its line.
BEHIND = re.compile(r"^\s+\w+: [^#]+  # (.+)$")

#: What is said of an alias above it.
ABOVE = re.compile(r"^#: ?(.*)$")

#: The mark of a literal block in reStructuredText, which Markdown does not have.
LITERAL_BLOCK = re.compile(r"^::\n\n(?= )", re.MULTILINE)


class Docstrings(griffe.Extension):
    """Puts comments into docstrings, and takes marks of reStructuredText out of them."""

    def on_attribute_instance(self, *, attr: griffe.Attribute, **_: Any) -> None:
        """Describe an alias of a module by the lines above it."""
        if attr.docstring is None and attr.parent is not None and attr.parent.is_module and (lines := _above(attr)):
            attr.docstring = griffe.Docstring("\n".join(lines), parent=attr)

    def on_class_members(self, *, cls: griffe.Class, **_: Any) -> None:
        """List the keys of a typed dict in its docstring."""
        keys = [member for member in cls.members.values() if isinstance(member, griffe.Attribute)]
        if cls.docstring is None or not keys or "TypedDict" not in _ancestors(cls):
            return
        told = "\n".join(f"    {key.name}: {_behind(key)}" for key in keys)
        cls.docstring.value = f"{cls.docstring.value}\n\nAttributes:\n{told}"

    def on_instance(self, *, obj: griffe.Object | griffe.Alias, **_: Any) -> None:
        """Take the mark of a literal block out of a docstring."""
        if isinstance(obj, griffe.Object) and obj.docstring is not None:
            obj.docstring.value = LITERAL_BLOCK.sub("", obj.docstring.value)


def _ancestors(cls: griffe.Class) -> set[str]:
    """The names of what a class is made of, within its module."""
    names = {str(base) for base in cls.bases}
    for name in list(names):
        parent = cls.parent.members.get(name) if cls.parent is not None else None
        if isinstance(parent, griffe.Class):
            names |= _ancestors(parent)
    return names


def _behind(key: griffe.Attribute) -> str:
    found = BEHIND.match(_lines(key)[(key.lineno or 1) - 1])
    return found[1] if found else "&nbsp;"


def _above(alias: griffe.Attribute) -> list[str]:
    lines: list[str] = []
    for line in reversed(_lines(alias)[: (alias.lineno or 1) - 1]):
        if not (found := ABOVE.match(line)):
            break
        lines.insert(0, found[1])
    return lines


def _lines(obj: griffe.Object) -> list[str]:
    return obj.lines_collection[obj.filepath]  # type: ignore[index]
