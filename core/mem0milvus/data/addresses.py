"""The check of a server's address."""

from __future__ import annotations

import re
from urllib.parse import urlsplit


def check_address(uri: str) -> str:
    """Check the host and port of a server's address. A path of Milvus Lite is checked when the store is opened.

    Raises:
        ValueError: it is malformed. The message does not show what may be a user, password or token.
    """
    if "://" not in uri or _is_well_formed(uri):
        return uri
    hint = ". In a password, write / ? # [ ] and @ as %2F %3F %23 %5B %5D and %40" if "@" in uri else ""
    raise ValueError(
        f"{_masked(uri)!r} is no address of a server: a port is a number from 1 to 65535, as in "
        f"'http://localhost:19530', and an IPv6 address stands in brackets{hint}"
    )


def _is_well_formed(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:  # its message may quote a part of a password
        return False
    # An @ further on: a password that was not encoded has been cut, and its beginning was taken for the host and port.
    return port != 0 and "@" not in parts.path + parts.query + parts.fragment


def _masked(uri: str) -> str:
    scheme, _, rest = uri.partition("://")
    # All up to the last @ may belong to a password.
    hidden, found, shown = rest.rpartition("@")
    host = re.split(r"[/?#]", shown, maxsplit=1)[0]
    if "?" in hidden or "#" in hidden:  # that @ may be inside a token
        host = "***"
    return f"{scheme}://{'***@' if found else ''}{host}"
