"""Pages of a query in the order of the keys, each after the last key of the page before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from mem0milvus.errors import StoreError
from mem0milvus.retrieval.filters import literal

#: Arguments that make Milvus Lite 3.2 return the rows of a limited query in the order of their keys. A server always
#: does, and pymilvus 3.0 would ignore the consistency level of a query with them, so only Milvus Lite gets them.
_LITE_ORDER = {"iterator": "True", "reduce_stop_for_best": "True"}


class KeyOrderPaging:
    """The progress of a query that reads all rows. While ``more``, query with ``arguments`` and pass the rows on.

    Args:
        condition: a filter as Milvus takes it; empty for all rows.
        limit: the most rows of a page.
        lite: whether Milvus Lite is queried, here or behind a ``milvus-lite server``.
    """

    def __init__(self, condition: str, limit: int, *, lite: bool) -> None:
        self._condition = f"({condition}) and " if condition else ""
        self._limit = limit
        self._order = _LITE_ORDER if lite else {}
        self._after = ""
        self.more = True

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The arguments of the query for the next page."""
        return {"filter": f"{self._condition}id > {literal(self._after)}", "limit": self._limit, **self._order}

    def accept(self, rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Return the rows of a page, each once.

        Milvus Lite 3.2 returns a row twice if it was killed between flushing it and deleting it from its log. Both are
        of the same write. Rows out of the order of their keys are a ``StoreError``: the next page would miss some.
        """
        distinct = [row for number, row in enumerate(rows) if number == 0 or row["id"] != rows[number - 1]["id"]]
        # Milvus compares texts byte by byte, Python by code points, which for UTF-8 is the same order.
        keys = [self._after, *(row["id"] for row in distinct)]
        if any(first >= second for first, second in pairwise(keys)):
            raise StoreError(
                "Milvus returned rows out of the order of their keys, so some might be missed. Please report this."
            )
        self._after = keys[-1]
        self.more = len(rows) >= self._limit
        return distinct
