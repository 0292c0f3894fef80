"""For random rows and random filters, Milvus answers what the predicate answers.

Runs on Milvus Lite, or on the server that ``MILVUS_URI`` (and ``MILVUS_TOKEN``) names.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from mem0milvus.filters import (
    COMMON,
    LITE,
    SERVER_2_3,
    Dialect,
    Filter,
    all_of,
    equals,
    matches,
    needs_check,
    parse_filters,
    to_expression,
)
from mem0milvus.timestamps import FOREVER_US, to_iso

EXAMPLES = int(os.environ.get("FILTER_EXAMPLES", "120"))
FILTERS_PER_EXAMPLE = 4
NEW_YEAR_US = 1_704_067_200_000_000


@dataclass
class Table:
    """A collection with the columns that filters are about."""

    client: Any
    name: str
    dialect: Dialect

    def insert(self, rows: list[dict[str, object]]) -> None:
        self.client.insert(self.name, [{**row, "vector": [0.1, 0.2]} for row in rows])

    def delete(self, rows: list[dict[str, object]]) -> None:
        self.client.delete(self.name, ids=[row["id"] for row in rows])

    def ids(self, expression: str) -> set[str]:
        found = self.client.query(
            self.name, filter=expression, output_fields=["id"], limit=1000, consistency_level="Strong"
        )
        return {row["id"] for row in found}


def _create(client: Any, name: str) -> None:
    from pymilvus import DataType

    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=128)
    for text in ("user_id", "actor_id", "role", "memory"):
        schema.add_field(text, DataType.VARCHAR, max_length=1024)
    for number in ("version", "created_at", "updated_at", "expires_at"):
        schema.add_field(number, DataType.INT64)
    schema.add_field("metadata", DataType.JSON)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=2)
    index = client.prepare_index_params()
    index.add_index("vector", index_type="FLAT", metric_type="L2")
    client.create_collection(name, schema=schema, index_params=index, consistency_level="Strong")
    client.load_collection(name)


def _dialect(client: Any) -> Dialect:
    major, minor = client.get_server_version().lstrip("v").split(".")[:2]
    return SERVER_2_3 if (int(major), int(minor)) < (2, 4) else COMMON


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    from pymilvus import MilvusClient

    uri = os.environ.get("MILVUS_URI")
    folder: Path = tmp_path_factory.mktemp("filters")
    client = MilvusClient(uri or str(folder / "filters.db"), token=os.environ.get("MILVUS_TOKEN", ""))
    name = f"filters_{uuid.uuid4().hex}"
    _create(client, name)
    yield Table(client, name, _dialect(client) if uri else LITE)
    client.drop_collection(name)
    client.close()


# --- rows -------------------------------------------------------------------------------------------

TEXTS = st.sampled_from(
    [
        "",
        "a",
        "ab",
        "abc",
        "abc\n",
        "b",
        "bc",
        "B",
        "é",
        "e\u0301",
        "日本語",
        "😀",
        "\U0010ffff",
        "\ud7ff",
        "a%c",
        "a_c",
    ]
    + ["a\\c", 'a"c', "a'c", "a\nc", "\t", "\x01", "\x00", "*", '["a"]', "[1]", "{", "1", "true", "null", " a", "a "]
    + ['" or id != "', "\u202e", "\u2028", "\\", "%", "_", "{x}", "$meta", "') or (1 == 1"]
) | st.text(alphabet='ab%_\\"\n日', max_size=4)
NUMBERS = st.sampled_from(
    [-1, 0, 1, 2, 3, 7, -0.0, 0.5, 1.0, 7.0, 7.5, -1.5, 1e-7, 1e22, 2**53, 2**53 + 1, 2**60, 2**63 - 1, 1 - 2**63]
)
SCALARS = TEXTS | NUMBERS | st.booleans()
KEYS = ["x", "y", "k", "0", "1", "role", 'q"uote', "back\\slash", "sp ace", "[x]", "a/b~c", "ключ", "new\nline", "😀"]
VALUES = st.recursive(
    SCALARS | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=4,
)
METADATA = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5)
MOMENTS = st.integers(-2, 2).map(lambda days: NEW_YEAR_US + days * 86_400_000_000)
ROWS = st.fixed_dictionaries(
    {
        "actor_id": TEXTS,
        "role": st.sampled_from(["", "user", "assistant"]),
        "memory": TEXTS,
        "version": st.integers(1, 4),
        "created_at": MOMENTS,
        "updated_at": MOMENTS | st.just(0),
        "expires_at": MOMENTS | st.just(FOREVER_US),
        "metadata": METADATA,
    }
)

# --- filters ----------------------------------------------------------------------------------------

ORDER = ("gt", "gte", "lt", "lte")
PATTERNS = TEXTS | st.text(alphabet="ab%_", max_size=4) | TEXTS.map(lambda text: f"%{text.replace(chr(92), '')}%")


def _operators(values: st.SearchStrategy[Any], *names: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(names), values, min_size=1, max_size=2)


def _any_of(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return _operators(st.lists(values, max_size=3), "in", "nin")


PATHS = st.lists(st.sampled_from(KEYS), min_size=1, max_size=3).map(lambda keys: "metadata." + ".".join(keys))
ANYTHING = SCALARS | st.none()
PATTERN = _operators(PATTERNS.filter(lambda text: not text.replace("\\\\", "").endswith("\\")), "like")
EXISTS = _operators(st.booleans(), "exists", "$exists")
IN_METADATA = (
    ANYTHING
    | _operators(SCALARS, *ORDER, "contains", "$gt", "$contains")
    | _operators(ANYTHING, "eq", "ne", "$ne")
    | _any_of(ANYTHING)
    | PATTERN
    | EXISTS
)
IN_TEXT = (
    TEXTS
    | st.none()
    | _operators(TEXTS, "eq", "ne", *ORDER, "contains")
    | _any_of(TEXTS | st.none())
    | PATTERN
    | EXISTS
)
GIVEN_MOMENTS = MOMENTS.map(to_iso)
IN_MOMENTS = _operators(GIVEN_MOMENTS, "eq", "ne", *ORDER) | _any_of(GIVEN_MOMENTS) | EXISTS | st.none()
IN_VERSION = _operators(st.integers(0, 5), "eq", "ne", *ORDER) | _any_of(st.integers(0, 5)) | EXISTS
CONDITIONS = st.one_of(
    *[st.dictionaries(PATHS, IN_METADATA, min_size=1, max_size=2)] * 3,
    st.dictionaries(st.sampled_from(["actor_id", "memory", "role"]), IN_TEXT, min_size=1, max_size=2),
    st.dictionaries(st.sampled_from(["created_at", "updated_at", "expires_at"]), IN_MOMENTS, min_size=1, max_size=2),
    st.fixed_dictionaries({"version": IN_VERSION}),
)
FILTERS = st.recursive(
    CONDITIONS,
    lambda inner: (
        st.fixed_dictionaries({"AND": st.lists(inner, min_size=1, max_size=3)})
        | st.fixed_dictionaries({"$or": st.lists(inner, min_size=1, max_size=3)})
        | st.fixed_dictionaries({"NOT": inner | st.lists(inner, min_size=1, max_size=2)})
    ),
    max_leaves=5,
)


def _check(table: Table, rows: list[dict[str, object]], scope: Filter, filters: Mapping[str, object]) -> None:
    node = parse_filters(filters)
    assert node is not None
    scoped = all_of(scope, node)
    assert scoped is not None
    expression = to_expression(scoped, table.dialect)
    note(expression)
    expected = {row["id"] for row in rows if matches(node, row)}
    by_id = {str(row["id"]): row for row in rows}
    found = table.ids(expression)
    assert found <= by_id.keys(), "rows beyond the scope"
    if needs_check(scoped, table.dialect):
        found = {row_id for row_id in found if matches(node, by_id[row_id])}
    assert found == expected


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="FILTER_EXAMPLES" not in os.environ,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    rows=st.lists(ROWS, min_size=1, max_size=12),
    filters=st.lists(FILTERS, min_size=FILTERS_PER_EXAMPLE, max_size=FILTERS_PER_EXAMPLE),
)
def test_milvus_answers_what_the_predicate_answers(
    table: Table, rows: list[dict[str, object]], filters: list[dict[str, object]]
) -> None:
    user = uuid.uuid4().hex
    rows = [{**row, "id": f"{user}-{number}", "user_id": user} for number, row in enumerate(rows)]
    table.insert(rows)
    try:
        for one in filters:
            _check(table, rows, equals("user_id", user), one)
    finally:
        table.delete(rows)
