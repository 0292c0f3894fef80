"""Secrets of a configuration: no message may hold one, even where a model or a server repeats it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from mem0milvus.errors import Mem0MilvusError

#: What stands in the place of a secret.
MASK = "***"

#: Words in the names of settings, environment variables, headers and parameters of an address that hold a secret.
_SECRET_NAME = re.compile(
    r"key$|token$|secret|passw|authori[sz]ation|credential|signature|^(sig|auth|pwd)$", re.IGNORECASE
)

#: Variables of the environment from which models and stores read a secret.
_VARIABLES = re.compile(r"(_API_KEY|_TOKEN)$")

#: Variables of the environment with an address, which may have a password.
_ADDRESSES = ("MILVUS_URI", "OPENAI_BASE_URL")

# What looks like a secret whoever configured it: a user and a password in an address, a parameter of an address, the
# scheme and value of a header, and keys with the prefix of OpenAI and others. Keys that a provider has shortened itself
# have asterisks or dots, and are left as they are.
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?<=://)[^\s/?#@'\"]+@"), f"{MASK}@"),
    (
        re.compile(r"(?i)([?&][\w.-]*(?:key|token|secret|passw(?:or)?d|sig|signature)=)[^\s&#'\"]+"),
        rf"\1{MASK}",
    ),
    (re.compile(r"(?i)\b(Bearer|Basic) [\w.~+/=-]{8,}"), rf"\1 {MASK}"),
    (re.compile(r"\bsk-[\w-]{16,}"), MASK),
)

#: A shorter secret, such as the key "none" of a server of one's own, is masked only as a whole word.
_SHORT = 8


class Secrets:
    """The secrets among some settings, and those of the environment.

    Args:
        settings: a configuration or a part of it: dicts and lists of any depth.
    """

    def __init__(self, *settings: object) -> None:
        self._values = frozenset(_found_in(settings))

    def mask(self, text: str) -> str:
        """Return a text with ``***`` in the place of each secret."""
        values = {form for value in (*self._values, *_of_environment()) for form in _forms(value)}
        for value in sorted(values, key=len, reverse=True):
            if value in text:
                whole = rf"(?<!\w){re.escape(value)}(?!\w)" if len(value) < _SHORT else re.escape(value)
                text = re.sub(whole, MASK, text)
        for pattern, masked in _PATTERNS:
            text = pattern.sub(masked, text)
        return text

    def cause(self, error: BaseException | None) -> BaseException | None:
        """Return the cause for an error of ours: None if the text of the error, or of one behind it, holds a secret.

        Tracebacks print the causes of an error too.
        """
        return None if any(self.mask(text) != text for text in _texts_of(error)) else error

    def clean(self, error: Mem0MilvusError) -> None:
        """Mask the message of an error, and take away a cause that holds a secret."""
        error.args = tuple(self.mask(part) if isinstance(part, str) else part for part in error.args)
        behind = error.__cause__ or error.__context__
        if behind is not None and self.cause(behind) is None:
            error.__cause__ = None  # which also keeps the context out of tracebacks
            error.__suppress_context__ = True

    @contextmanager
    def kept_out(self) -> Iterator[None]:
        """Clean the errors of ours that a block raises."""
        try:
            yield
        except Mem0MilvusError as error:
            self.clean(error)
            raise


def _texts_of(error: BaseException | None) -> Iterator[str]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield f"{error} {error!r}"
        error = error.__cause__ or error.__context__


def _of_environment() -> Iterator[str]:
    for name, value in os.environ.items():
        if _VARIABLES.search(name) and len(value) >= _SHORT:
            yield value
        elif name in _ADDRESSES:
            yield from _in_address(value)


def _found_in(settings: object, *, is_secret: bool = False) -> Iterator[str]:
    """Yield the secrets in settings: values of telling names, and what addresses hold."""
    if hasattr(settings, "get_secret_value"):
        settings, is_secret = settings.get_secret_value(), True
    if isinstance(settings, Mapping):
        for name, value in settings.items():
            yield from _found_in(value, is_secret=is_secret or _SECRET_NAME.search(str(name)) is not None)
    elif isinstance(settings, (list, tuple, set, frozenset)):
        for value in settings:
            yield from _found_in(value, is_secret=is_secret)
    elif isinstance(settings, str) and settings:
        yield from _in_address(settings)
        if is_secret:
            yield settings
            user, colon, password = settings.partition(":")
            yield from (password,) if user and colon and password else ()  # the token ``user:password`` of Milvus


def _in_address(address: str) -> Iterator[str]:
    """Yield the user with the password, the password, and parameters with telling names."""
    if "@" not in address and "?" not in address:
        return
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
    except ValueError:  # no address
        return
    login = address.partition("://")[2].rpartition("@")[0] or address.rpartition("@")[0]
    _, colon, password = login.partition(":")
    yield from filter(None, (login if colon else "", password))
    yield from (value for name, value in parse_qsl(parts.query) if value and _SECRET_NAME.search(name))


def _forms(value: str) -> Iterator[str]:
    """Yield a secret as it is, and as addresses and ``repr`` write it."""
    yield from {value, quote(value), quote(value, safe=""), unquote(value), repr(value)[1:-1]}


def secrets_of(model: Any) -> Secrets:
    """Return the secrets of a checked section of the configuration."""
    return Secrets(dict(model))
