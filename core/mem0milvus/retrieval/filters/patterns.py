r"""The patterns of ``like``: ``%`` matches any text, ``_`` any one character, and ``\`` quotes the next character."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from enum import Enum

from mem0milvus.data.quoting import shown
from mem0milvus.errors import FilterError

#: Characters that Milvus Lite, Milvus servers and even the two evaluators of Lite (Arrow and Python) read differently
#: inside a pattern. An expression never contains them as plain characters.
_SPECIAL = re.compile(r"[%_\\]")


class Wildcard(Enum):
    """The wildcards of a pattern."""

    RUN = "%"
    ONE = "_"


@dataclass(frozen=True)
class Pattern:
    """A parsed ``like`` pattern: texts and wildcards, without two adjacent texts or two adjacent ``%``."""

    tokens: tuple[str | Wildcard, ...]

    @property
    def literal(self) -> str | None:
        """The whole text if there is no wildcard, else None."""
        if not self.tokens:
            return ""
        return self.tokens[0] if len(self.tokens) == 1 and isinstance(self.tokens[0], str) else None

    @property
    def head(self) -> str:
        """The text before the first wildcard."""
        return self.tokens[0] if self.tokens and isinstance(self.tokens[0], str) else ""

    @property
    def tail(self) -> str:
        """The text after the last wildcard."""
        return self.tokens[-1] if self.tokens and isinstance(self.tokens[-1], str) else ""

    @property
    def is_prefix(self) -> bool:
        """True if the pattern is a text, perhaps empty, followed by ``%``."""
        rest = self.tokens[1:] if self.head else self.tokens
        return rest == (Wildcard.RUN,)

    @property
    def is_plain(self) -> bool:
        """True if :attr:`milvus` matches the same texts as this pattern."""
        return all(
            token is Wildcard.RUN or (isinstance(token, str) and not _SPECIAL.search(token)) for token in self.tokens
        )

    @property
    def milvus(self) -> str:
        """A pattern with ``%`` as the only wildcard that matches every text that this one matches."""
        parts = [_SPECIAL.sub("%", token) if isinstance(token, str) else "%" for token in self.tokens]
        return re.sub("%+", "%", "".join(parts))

    def matches(self, text: str) -> bool:
        """Return whether the pattern matches the whole ``text``."""
        return _regex(self).fullmatch(text) is not None


def parse_pattern(source: str) -> Pattern:
    """Parse a user's pattern.

    Raises:
        FilterError: it ends in a single backslash.
    """
    tokens: list[str | Wildcard] = []
    position = 0
    while position < len(source):
        character = source[position]
        position += 1
        if character == "\\":
            if position == len(source):
                raise FilterError(
                    f"The pattern {shown(source)} ends in a backslash: write two for a literal backslash."
                )
            _append(tokens, source[position])
            position += 1
        elif character in ("%", "_"):
            _append(tokens, Wildcard(character))
        else:
            _append(tokens, character)
    return Pattern(tuple(tokens))


def containing(text: str) -> Pattern:
    """The pattern that matches every text that contains ``text``."""
    return Pattern((Wildcard.RUN, text, Wildcard.RUN) if text else (Wildcard.RUN,))


def _append(tokens: list[str | Wildcard], token: str | Wildcard) -> None:
    last = tokens[-1] if tokens else None
    if isinstance(token, str) and isinstance(last, str):
        tokens[-1] = last + token
    elif token is not Wildcard.RUN or last is not Wildcard.RUN:
        tokens.append(token)


@functools.lru_cache(maxsize=256)
def _regex(pattern: Pattern) -> re.Pattern[str]:
    spelled = {Wildcard.RUN: ".*", Wildcard.ONE: "."}
    return re.compile(
        "".join(re.escape(token) if isinstance(token, str) else spelled[token] for token in pattern.tokens),
        re.DOTALL,
    )
