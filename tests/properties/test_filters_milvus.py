"""For random rows and random filters, Milvus answers what the predicate answers.

Runs on Milvus Lite, and in ``make test-server`` on servers.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mem0milvus.data.timestamps import FOREVER_US, to_iso
from mem0milvus.milvus.capabilities import of_server
from mem0milvus.retrieval.filters import (
    LITE,
    Dialect,
    Filter,
    all_of,
    equals,
    literal,
    matches,
    needs_check,
    parse_filters,
    to_expression,
)
from tests.fix_server import KINDS, server_store

EXAMPLES = int(os.environ.get("FILTER_EXAMPLES", "100"))
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
        assert len(self.ids(f"user_id == {literal(str(rows[0]['user_id']))}", "Strong")) == len(rows)

    def delete(self, rows: list[dict[str, object]]) -> None:
        self.client.delete(self.name, ids=[row["id"] for row in rows])

    def ids(self, expression: str, consistency: str = "Eventually") -> set[str]:
        """The rows that Milvus finds. ``insert`` has waited until they are there: a server takes long for "Strong"."""
        found = self.client.query(
            self.name, filter=expression, output_fields=["id"], limit=1000, consistency_level=consistency
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


@pytest.fixture(scope="module", params=KINDS)
def table(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    from pymilvus import MilvusClient

    if request.param == "lite":
        client, dialect = MilvusClient(str(tmp_path_factory.mktemp("filters") / "filters.db")), LITE
    else:
        store = server_store(request, request.param)
        client = store.client()
        dialect = of_server(client.get_server_version()).dialect
    name = f"filters_{uuid.uuid4().hex}"
    _create(client, name)
    yield Table(client, name, dialect)
    client.drop_collection(name)
    client.close()


# --- rows -------------------------------------------------------------------------------------------

PLAIN_TEXTS = [
    "a",
    "ab",
    "abc",
    "b",
    "bc",
    "B",
    "é",
    "日本語",
    "😀",
    "a%c",
    "a_c",
    "a\\c",
    'a"c',
    "a'c",
    "*",
    '["a"]',
    "[1]",
]
PLAIN_TEXTS += ["{", "1", "true", "null", "%", "_", "\\", "{x}", "$meta"]
ODD_TEXTS = [
    "",
    "abc\n",
    "e\u0301",
    "\U0010ffff",
    "\ud7ff",
    "a\nc",
    "\t",
    "\x01",
    "\x00",
    " a",
    "a ",
    "\u202e",
    "\u2028",
]
ATTACKS = ['" or id != "', "') or (1 == 1", '") or (id != "', '\\" or id != ""']
TEXTS = st.sampled_from([*PLAIN_TEXTS, *ODD_TEXTS, *ATTACKS]) | st.text(alphabet='ab%_\\"\n日', max_size=4)
EXACT = [-1, 0, 1, 2, 3, 7, -0.0, 0.5, 1.0, 7.0, 7.5, -1.5, 1e-7, 1e22, 2**53, 2**53 + 1, 2**60, 2**63 - 1, 1 - 2**63]
NUMBERS = st.sampled_from(EXACT)
SCALARS = TEXTS | NUMBERS | st.booleans()
ODD_KEYS = ["role", 'q"uote', "back\\slash", "sp ace", "[x]", "a/b~c", "ключ", "new\nline", "😀", "'"]
KEYS = st.sampled_from(["x", "y", "0", "1"])
VALUES = SCALARS | st.recursive(
    SCALARS | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=2),
    max_leaves=4,
)
METADATA = st.fixed_dictionaries(
    {"x": VALUES}, optional={"y": VALUES, **dict.fromkeys(ODD_KEYS, st.sampled_from([1, "a", None]))}
) | st.dictionaries(KEYS, VALUES)
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
_QUOTED = TEXTS.map(lambda text: text.replace("\\", "\\\\"))
PATTERNS = st.builds("{}{}{}".format, st.sampled_from(["", "%", "_"]), _QUOTED, st.sampled_from(["", "%", "_%"]))


def _operator(values: st.SearchStrategy[Any], *names: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(lambda name, value: {name: value}, st.sampled_from(names), values)


def _conditions(values: st.SearchStrategy[Any], *, text: bool) -> st.SearchStrategy[Any]:
    """One or two operators on one field, each about as often as any other; or a plain value."""
    nullable = values | st.none()
    operators = [
        _operator(values, *ORDER, "$lt"),
        _operator(values, *ORDER),
        _operator(nullable, "eq", "ne", "$ne"),
        _operator(st.lists(nullable, max_size=3), "in", "nin"),
        _operator(st.booleans(), "exists", "$exists"),
    ]
    if text:
        operators += [_operator(values, "contains", "$contains"), _operator(PATTERNS, "like")]
    either = st.one_of(operators)
    return st.builds(lambda one, other: {**one, **other}, either, st.just({}) | either) | either | values


PATHS = st.lists(KEYS, min_size=1, max_size=3).map(".".join) | st.sampled_from(["x", "y", *ODD_KEYS]).map(
    "metadata.{}".format
)
ABOUT_METADATA = st.dictionaries(PATHS, _conditions(SCALARS, text=True), min_size=1, max_size=2)
ABOUT_X = st.fixed_dictionaries({"x": _conditions(SCALARS, text=True)})
ABOUT_TEXT = st.dictionaries(
    st.sampled_from(["actor_id", "memory", "role"]), _conditions(TEXTS, text=True), min_size=1, max_size=2
)
ABOUT_MOMENTS = st.dictionaries(
    st.sampled_from(["created_at", "updated_at", "expires_at"]),
    _conditions(MOMENTS.map(to_iso), text=False),
    min_size=1,
    max_size=2,
)
ABOUT_VERSION = st.fixed_dictionaries({"version": _conditions(st.integers(0, 5), text=False)})
CONDITIONS = ABOUT_METADATA | ABOUT_X | ABOUT_TEXT | ABOUT_MOMENTS | ABOUT_VERSION
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
    expected = {row["id"] for row in rows if matches(node, row)}
    by_id = {str(row["id"]): row for row in rows}
    found = table.ids(expression)
    assert found <= by_id.keys(), "rows beyond the scope"
    if needs_check(scoped, table.dialect):
        found = {row_id for row_id in found if matches(node, by_id[row_id])}
    assert found == expected, expression


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


LISTS: list[object] = [[], [None], ["a"], ["abc", "%"], [1], [True], [1.0], [7, [7]], [{"0": 1}], [[]], ["1", 2**60]]
OBJECTS: list[object] = [{}, {"0": 1}, {"k": None}, {"k": {"x": 7}}]
EVERY_VALUE: list[object] = [None, True, False, *EXACT, *PLAIN_TEXTS, *ODD_TEXTS, *ATTACKS, *LISTS, *OBJECTS]


def _every_condition() -> Iterator[object]:
    operands = [True, False, *EXACT, *PLAIN_TEXTS, *ODD_TEXTS, *ATTACKS]
    yield from [None, {"ne": None}, {"exists": True}, {"exists": False}, [], [None], [None, 1], ["a", 7, True]]
    for operand in operands:
        yield from ({name: operand} for name in ("eq", *ORDER, "contains"))
        if isinstance(operand, str):
            plain = operand.replace("\\", "\\\\")
            yield from ({"like": form} for form in (plain, f"{plain}%", f"%{plain}", f"%{plain}%", f"_{plain}%"))


def test_every_operator_meets_every_value_and_is_negated(table: Table) -> None:
    user = uuid.uuid4().hex
    metadata = [{}, *({"x": value} for value in EVERY_VALUE)]
    blank = {"actor_id": "", "role": "", "memory": "", "version": 1, "created_at": 0, "updated_at": 0, "expires_at": 0}
    rows: list[dict[str, object]] = [
        {**blank, "id": f"{user}-{number}", "user_id": user, "metadata": one} for number, one in enumerate(metadata)
    ]
    table.insert(rows)
    scope = equals("user_id", user)
    try:
        for condition in _every_condition():
            _check(table, rows, scope, {"x": condition})
            _check(table, rows, scope, {"NOT": {"x": condition}})
        for path in ("x.0", "x.k", "x.0.0", "x.k.x"):
            for condition in (1, "a", None, {"gt": 0}, {"lte": "b"}, {"contains": "a"}, {"like": "%"}):
                _check(table, rows, scope, {path: condition})
                _check(table, rows, scope, {"NOT": {path: condition}})
    finally:
        table.delete(rows)
