"""What a filter means, what it refuses and with which words, and that its expression stays within its scope."""

from __future__ import annotations

import ast
import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from mem0milvus.data.timestamps import FOREVER_US, to_us
from mem0milvus.errors import FilterError, ValidationError
from mem0milvus.retrieval.filters import (
    COMMON,
    LITE,
    SERVER_2_3,
    TYPED_FIELDS,
    all_of,
    any_in,
    any_of,
    at_least,
    at_most,
    equals,
    greater_than,
    less_than,
    literal,
    matches,
    needs_check,
    negation,
    parse_filters,
    split_scope,
    to_expression,
)

NOON = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)


def row(metadata: dict[str, object] | None = None, **columns: object) -> dict[str, object]:
    return {"user_id": "alice", "metadata": metadata or {}, **columns}


def holds(filters: dict[str, Any], metadata: dict[str, object] | None = None, **columns: object) -> bool:
    node = parse_filters(filters)
    assert node is not None
    return matches(node, row(metadata, **columns))


def expression(filters: dict[str, Any]) -> str:
    node = parse_filters(filters)
    assert node is not None
    return to_expression(node)


# --- meaning ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "found", "not_found"),
    [
        ("hobbies", ["hobbies"], ["Hobbies", "hobbies ", "", 0, None, ["hobbies"], {}]),
        ({"eq": 7}, [7, 7.0], ["7", 8, None, [7]]),
        ({"ne": 7}, ["7", 8, None, [7], {}], [7, 7.0]),
        ({"eq": True}, [True, 1, 1.0], [False, "True", 2]),
        ({"eq": None}, [None], ["", 0, False, [], {}]),
        ({"ne": None}, ["", 0, False, [], {}], [None]),
        ("*", ["", 0, False, [], {}, "*"], [None]),
        ({"in": ["*"]}, ["*"], ["a", None]),
        ({"gt": 3}, [4, 3.5, 2**60], [3, 2, "4", None, [4], {}]),
        ({"gte": 3}, [3, 3.0, 4], [2.9, "3"]),
        ({"lt": 3}, [2, -1.5, True, False], [3, "2", None]),
        ({"lte": "b"}, ["b", "a", "", "B"], ["ba", "c", 1, None]),
        ({"gt": "Z"}, ["a", "é", "😀"], ["Z", "A", ""]),
        ({"gte": 3, "lt": 9}, [3, 8.5], [2, 9]),
        ({"in": ["a", 7, None]}, ["a", 7, 7.0, None], ["7", "b", ["a"]]),
        (["a", 7], ["a", 7], ["b", None]),
        ({"in": []}, [], ["a", 1, None]),
        ({"nin": []}, ["a", 1, None], []),
        ({"nin": ["a", 7]}, ["b", None, ["a"]], ["a", 7]),
        ({"contains": "ab"}, ["cabs", "ab", ["x", "ab"]], ["a", "AB", ["cabs"], [["ab"]], 1, {"ab": 1}, None]),
        ({"contains": ""}, ["", "a", [""]], [[], ["a"], 1]),
        ({"contains": 1}, [[1], [1.0], [True], ["a", 1]], ["1", 1, ["1"], [[1]], None]),
        ({"like": "a%"}, ["a", "abc", "a\nb"], ["ba", "A", ["a"], None]),
        ({"like": "%c"}, ["c", "abc"], ["abc\n", "cd"]),
        ({"like": "a_c"}, ["abc", "a日c", "a\nc"], ["ac", "abbc"]),
        ({"like": r"100\%%"}, ["100%", "100% sure"], ["1000"]),
        ({"like": "abc"}, ["abc"], ["abcd", "ab"]),
        ({"like": "%"}, ["", "a"], [1, None, []]),
        ({"like": "[.*"}, ["[.*"], ["a"]),
        ({"exists": True}, ["", 0, False, [], {}], [None]),
        ({"exists": False}, [None], ["", 0, False, [], {}]),
    ],
)
def test_operator(condition: object, found: list[object], not_found: list[object]) -> None:
    assert [value for value in found if not holds({"x": condition}, {"x": value})] == []
    assert [value for value in not_found if holds({"x": condition}, {"x": value})] == []
    # A missing key is as null, and NOT is the complement.
    assert holds({"x": condition}) is holds({"x": condition}, {"x": None})
    assert not [value for value in found if holds({"NOT": {"x": condition}}, {"x": value})]
    assert all(holds({"NOT": {"x": condition}}, {"x": value}) for value in not_found)


@pytest.mark.parametrize("name", ["eq", "ne", "gt", "gte", "lt", "lte", "contains"])
def test_dollar_spelling_is_the_same(name: str) -> None:
    assert parse_filters({"x": {f"${name}": "a"}}) == parse_filters({"x": {name: "a"}})


@pytest.mark.parametrize(("name", "value"), [("in", ["a"]), ("nin", ["a"]), ("exists", True), ("like", "a%")])
def test_dollar_spelling_of_the_others_is_the_same(name: str, value: object) -> None:
    assert parse_filters({"x": {f"${name}": value}}) == parse_filters({"x": {name: value}})


def test_an_expression_of_every_kind() -> None:
    # What these mean is proved against Milvus; that nothing changes unseen is seen here.
    assert expression({"category": "hobbies"}) == '(metadata["category"] == "hobbies")'
    assert expression({"role": "user"}) == '(role == "user")'
    assert expression({"role": ["user", "tool"]}) == '(role in ["user", "tool"])'
    assert expression({"role": {"nin": ["user"]}}) == '(role not in ["user"])'
    assert expression({"role": {"in": []}}) == '(id == "")'
    assert expression({"memory": {"contains": "tea"}}) == '(memory like "%tea%")'
    assert expression({"memory": {"like": "50\\%%"}}) == '(memory >= "50%" and memory < "50&")'
    assert expression({"metadata.role": "x"}) == '(metadata["role"] == "x")'
    assert expression({"a.b": "x"}) == '(metadata["a"]["b"] == "x")'
    assert expression({"a.0": "x"}) == '((metadata["a"]["0"] == "x") or (metadata["a"][0] == "x"))'
    assert expression({"n": 1}) == '(metadata["n"] == 1 or metadata["n"] == true)'
    assert expression({"n": {"ne": "a"}}) == '(not (exists metadata["n"]) or not (metadata["n"] == "a"))'
    assert expression({"version": {"gte": 2, "lt": 5}}) == "((version >= 2) and (version < 5))"


@pytest.mark.parametrize("spelling", ["AND", "and", "$and", "$AND"])
def test_and_in_every_spelling(spelling: str) -> None:
    assert holds({spelling: [{"a": 1}, {"b": 2}]}, {"a": 1, "b": 2})
    assert not holds({spelling: [{"a": 1}, {"b": 2}]}, {"a": 1})


@pytest.mark.parametrize("spelling", ["OR", "or", "$or", "$OR"])
def test_or_in_every_spelling(spelling: str) -> None:
    assert holds({spelling: [{"a": 1}, {"b": 2}]}, {"b": 2})
    assert not holds({spelling: [{"a": 1}, {"b": 2}]}, {"a": 2})


@pytest.mark.parametrize("spelling", ["NOT", "not", "$not", "$NOT"])
def test_not_in_every_spelling_takes_one_or_a_list_of_which_none_may_match(spelling: str) -> None:
    assert not holds({spelling: {"a": 1}}, {"a": 1})
    assert holds({spelling: {"a": 1}}, {"a": 2})
    assert holds({spelling: [{"a": 1}, {"b": 2}]}, {"a": 2, "b": 1})
    assert not holds({spelling: [{"a": 1}, {"b": 2}]}, {"a": 1, "b": 1})
    assert not holds({spelling: {"a": 1, "b": 2}}, {"a": 1, "b": 2})
    assert holds({spelling: {"a": 1, "b": 2}}, {"a": 1})


def test_fields_are_anded_with_what_stands_beside_them() -> None:
    filters = {"a": 1, "OR": [{"b": 1}, {"c": 1}], "NOT": {"d": 1}}
    assert holds(filters, {"a": 1, "c": 1})
    assert not holds(filters, {"a": 1, "c": 1, "d": 1})
    assert not holds(filters, {"c": 1})


def test_paths_reach_into_objects_and_lists() -> None:
    metadata: dict[str, object] = {"address": {"city": "Oslo", "0": "key"}, "tags": ["a", {"k": 1}], "role": "own"}
    assert holds({"address.city": "Oslo"}, metadata)
    assert holds({"metadata.address.city": "Oslo"}, metadata)
    assert holds({"address.0": "key"}, metadata)
    assert holds({"tags.0": "a", "tags.1.k": 1}, metadata)
    assert not holds({"tags.2": "a"}, metadata)
    assert not holds({"tags.00": "a"}, metadata)
    assert holds({"metadata.role": "own", "role": "user"}, metadata, role="user")
    assert holds({"seq": 3}, {"seq": 3})


def test_moments_are_given_as_datetime_text_or_seconds() -> None:
    later = NOON + timedelta(microseconds=1)
    for moment in (NOON, NOON.isoformat(), "2026-01-31T12:00:00Z", "2026-01-31T14:00+02:00", NOON.timestamp()):
        assert holds({"created_at": moment}, created_at=to_us(NOON))
        assert holds({"created_at": {"gt": moment}}, created_at=to_us(later))
        assert not holds({"created_at": {"lt": moment}}, created_at=to_us(NOON))
        assert holds({"observed_at": {"in": [moment]}}, observed_at=to_us(NOON))


def test_a_column_that_was_not_given_is_missing() -> None:
    assert not holds({"updated_at": {"lt": NOON}}, updated_at=0)
    assert holds({"updated_at": {"lt": NOON}}, updated_at=1)
    assert holds({"updated_at": None}, updated_at=0)
    assert not holds({"expires_at": {"gt": NOON}}, expires_at=FOREVER_US)
    assert holds({"expires_at": {"exists": False}}, expires_at=FOREVER_US)
    assert holds({"created_at": {"exists": True}}, created_at=0)
    assert not holds({"role": {"lt": "z"}}, role="")
    assert not holds({"role": {"like": "%"}}, role="")
    assert not holds({"role": {"contains": ""}}, role="")
    assert holds({"role": ""}, role="")
    assert holds({"role": None}, role="")
    assert not holds({"role": "*"}, role="")
    assert holds({"role": {"ne": "user"}}, role="")


def test_no_filter_is_no_condition() -> None:
    assert parse_filters(None) is None
    assert parse_filters({}) is None


def test_nodes_are_values() -> None:
    filters = {"a": [1, "x"], "OR": [{"b": {"like": "x%_"}}, {"c": {"gt": 1.5}}]}
    one, same = parse_filters(filters), parse_filters(filters)
    assert one == same
    assert hash(one) == hash(same)


# --- conditions built in code ---------------------------------------------------------------------------


def test_builders() -> None:
    here = row(id="m1", version=3, valid_from=5)
    assert matches(equals("id", "m1"), here)
    assert matches(any_in("id", ["m0", "m1"]), here)
    assert not matches(any_in("id", []), here)
    assert matches(at_most("version", 3), here)
    assert matches(at_least("version", 3), here)
    assert not matches(less_than("version", 3), here)
    assert not matches(greater_than("version", 3), here)
    assert matches(at_most("valid_from", 5), here)
    assert not matches(negation(equals("id", "m1")), here)
    assert to_expression(greater_than("expires_at", 7)) == "(expires_at > 7)"


def test_joining() -> None:
    a, b, c = equals("id", "a"), equals("role", "b"), at_least("version", 1)
    assert all_of() is None
    assert all_of(None, a) == a
    assert all_of(all_of(a, b), None, c) == all_of(a, b, c)
    assert any_of(a) == a
    assert any_of(a, None) is None
    nothing = any_of()
    assert nothing is not None
    assert not matches(nothing, row(id="a"))


@pytest.mark.parametrize(("field", "value"), [("id", 1), ("version", "1"), ("version", True), ("version", 2**63)])
def test_builders_refuse_values_of_another_type(field: str, value: str | int) -> None:
    with pytest.raises(FilterError, match=re.escape(f"{field} is compared with")):
        equals(field, value)


def test_builders_refuse_unknown_fields() -> None:
    with pytest.raises(FilterError, match="'category' is not a typed field"):
        equals("category", "x")


# --- refusals -------------------------------------------------------------------------------------------

NESTED: dict[str, Any] = {"a": 1}
for _ in range(40):
    NESTED = {"NOT": NESTED}


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ([], "filters must be a dict, as in {'category': 'hobbies'}, not list []"),
        ("x", "filters must be a dict"),
        ({1: 2}, "A filter's keys are field names, not int 1"),
        ({"x": {"gte": 1, "gtt": 2}}, "'gtt' on 'x' is not an operator. Did you mean 'gt'?"),
        ({"x": {"regex": "a"}}, "The operators are eq, ne, gt, gte, lt, lte, in, nin, contains, like, exists"),
        ({"x": {"icontains": "a"}}, "Did you mean 'contains'?"),
        ({"address": {"city": "Oslo"}}, "a key inside an object is reached with a dot, as in 'address.city'"),
        ({"x": {1: 2}}, "1 on 'x' is not an operator"),
        ({"x": {}}, "The condition on 'x' is empty"),
        ({"$nor": [{"a": 1}]}, "'$nor' is not a field. Did you mean '$or'?"),
        ({"AND": {"a": 1}}, "AND takes a list of at least one filter, not"),
        ({"OR": []}, "OR takes a list of at least one filter, not []"),
        ({"NOT": []}, "NOT takes a list of at least one filter or one filter"),
        ({"OR": [{"a": 1}, {}]}, "A part of OR is empty: an empty filter would match everything"),
        ({"NOT": {}}, "A part of NOT is empty"),
        ({"$and": ["a"]}, "Each part of $and must be a dict"),
        (NESTED, "nested more than 32 deep"),
        ({"x": list(range(501))}, "makes more than 500 comparisons"),
        ({"x.1.2.3": list(range(63))}, "makes more than 500 comparisons"),
        ({"OR": [{"x": None}] * 501}, "makes more than 500 comparisons"),
        ({"": 1}, "has an empty part"),
        ({"a..b": 1}, "'a..b' has an empty part"),
        ({"metadata": 1}, 'needs a key in it, as in "metadata.category"'),
        ({'a"]["b': 1}, "cannot be filtered on"),
        ({"a\x00b": 1}, "cannot be filtered on"),
        ({"a.1.2.3.4": 1}, "more than 3 numeric parts"),
        ({"a\ud800": 1}, "half of a surrogate pair"),
        ({"x": "\udfff"}, "half of a surrogate pair"),
        ({"role": "\ud800"}, "half of a surrogate pair"),
        ({"x": float("nan")}, "'x' is compared with nan, which no stored number can be"),
        ({"x": {"lt": float("inf")}}, "compared with inf"),
        ({"x": 2**63}, "does not fit into 64 bits"),
        ({"x": -(2**63)}, "does not fit into 64 bits"),
        ({"x": 10**400}, "does not fit into 64 bits"),
        ({"version": 1e300}, "'version' is compared with a whole number, not with 1e+300"),
        ({"x": {"gt": None}}, "compared with text, a number or a boolean, not with NoneType None"),
        ({"x": {"gt": [1]}}, "not with list [1]"),
        ({"x": {"eq": [1]}}, "not with list [1]"),
        ({"x": [[1]]}, "not with list [1]"),
        ({"x": b"a"}, "not with bytes b'a'"),
        ({"x": NOON}, "Give a timestamp in the form in which it was stored"),
        ({"x": {"in": "abc"}}, "in and nin on 'x' take a list of values, not str 'abc'"),
        ({"x": {"nin": {"a": 1}}}, "in and nin on 'x' take a list"),
        ({"x": {"exists": 1}}, "exists on 'x' takes true or false, not int 1"),
        ({"x": {"like": 1}}, "like on 'x' takes text, not int 1"),
        ({"x": {"like": "a\\"}}, "ends in a backslash"),
        ({"role": 1}, "'role' is compared with text, not with int 1"),
        ({"role": {"contains": 1}}, "contains on 'role' takes text"),
        ({"version": "1"}, "'version' is compared with a whole number, not with str '1'"),
        ({"version": True}, "'version' is compared with a whole number, not with bool True"),
        ({"version": 1.5}, "'version' is compared with a whole number, not with 1.5"),
        ({"version": {"like": "1%"}}, "like looks into text, and 'version' is a number"),
        ({"created_at": {"contains": "2026"}}, "contains looks into text, and 'created_at' is a moment"),
        ({"created_at": "yesterday"}, "created_at='yesterday' is not a point in time"),
        ({"created_at": 1_700_000_000_000_000}, "is not a point in time"),
        ({"created_at": True}, "created_at must be a datetime"),
    ],
)
def test_refusal(filters: Any, message: str) -> None:
    with pytest.raises(FilterError, match=re.escape(message)):
        parse_filters(filters)


@pytest.mark.parametrize("field", ["user_id", "agent_id", "run_id"])
@pytest.mark.parametrize("condition", [None, "", {"eq": None}, {"ne": ""}, {"in": ["a", ""]}, [None], 7])
def test_nobody_is_never_a_scope(field: str, condition: object) -> None:
    for filters in ({field: condition}, {"OR": [{field: condition}, {"a": 1}]}):
        with pytest.raises(FilterError, match=f"{field!r} is compared with text that is not empty"):
            parse_filters(filters)


@pytest.mark.parametrize("condition", [None, "", {"eq": None}, {"$eq": ""}, 7])
def test_split_scope_refuses_nobody(condition: object) -> None:
    with pytest.raises(ValidationError, match="'user_id' is compared with text that is not empty"):
        split_scope({"user_id": condition})


def test_long_values_are_cut_in_messages() -> None:
    with pytest.raises(FilterError) as caught:
        parse_filters({"version": "x" * 10_000})
    assert len(str(caught.value)) < 200


# --- scope ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filters", "scope", "rest"),
    [
        (None, {}, {}),
        ({}, {}, {}),
        ({"user_id": "alice", "category": "x"}, {"user_id": "alice"}, {"category": "x"}),
        ({"agent_id": {"$eq": "a"}, "run_id": {"eq": "r"}}, {"agent_id": "a", "run_id": "r"}, {}),
        ({"AND": [{"user_id": "alice"}, {"c": 1}]}, {"user_id": "alice"}, {"AND": [{"c": 1}]}),
        ({"AND": [{"user_id": "alice"}]}, {"user_id": "alice"}, {}),
        ({"user_id": "alice", "AND": [{"user_id": "bob"}]}, {"user_id": "alice"}, {"AND": [{"user_id": "bob"}]}),
        ({"OR": [{"user_id": "alice"}, {"c": 1}]}, {}, {"OR": [{"user_id": "alice"}, {"c": 1}]}),
        ({"NOT": {"user_id": "alice"}}, {}, {"NOT": {"user_id": "alice"}}),
        ({"user_id": "*"}, {}, {"user_id": "*"}),
        ({"user_id": ["alice", "bob"]}, {}, {"user_id": ["alice", "bob"]}),
        ({"user_id": {"ne": "alice"}}, {}, {"user_id": {"ne": "alice"}}),
        ({"user_id": {"eq": "a", "ne": "b"}}, {}, {"user_id": {"eq": "a", "ne": "b"}}),
        ({"metadata.user_id": "bob"}, {}, {"metadata.user_id": "bob"}),
        ({"AND": []}, {}, {"AND": []}),
        ({"AND": [{}]}, {}, {"AND": [{}]}),
    ],
)
def test_split_scope(filters: dict[str, object] | None, scope: dict[str, str], rest: dict[str, object]) -> None:
    before = repr(filters)
    assert split_scope(filters) == (scope, rest)
    assert repr(filters) == before


HOSTILE = [
    '"',
    "\\",
    '\\"',
    '" or user_id != "',
    '") or (user_id != "',
    '"] or user_id != metadata["',
    "' or 1 == 1 or '",
    "alice\nor user_id != ''",
    "\t\r\n",
    "\x00\x01\x1f\x7f\x85",
    "%",
    "_",
    "{x}",
    "$meta",
    "\u202e\u200b\u2028\ufeff",
    "😀" * 50,
    "x" * 20_000,
    "not",
    "true",
    "metadata",
    "(((",
    "]]",
    "[[",
]


def _outside_of_strings(text: str) -> str:
    return re.sub(r'"(?:[^"\\\n\r]|\\.)*"', "S", text)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_values_stay_inside_their_quotes(hostile: str) -> None:
    shape = _outside_of_strings(to_expression(equals("user_id", "alice")))
    assert _outside_of_strings(to_expression(equals("user_id", hostile))) == shape
    plain = {"a": "v", "b": {"contains": "v"}, "c": {"nin": ["v"]}, "NOT": {"d": {"gte": "v"}}}
    attack = {"a": hostile, "b": {"contains": hostile}, "c": {"nin": [hostile]}, "NOT": {"d": {"gte": hostile}}}
    assert _outside_of_strings(expression(attack)) == _outside_of_strings(expression(plain))


@pytest.mark.parametrize("hostile", [text for text in HOSTILE if "\x00" not in text])
def test_hostile_keys_stay_inside_their_quotes(hostile: str) -> None:
    parts = hostile.count(".") + 1
    shape = _outside_of_strings(expression({"metadata." + ".".join(["k"] * parts): "v"}))
    assert _outside_of_strings(expression({f"metadata.{hostile}": "v"})) == shape


@pytest.mark.parametrize("hostile", [text for text in HOSTILE if "\x00" not in text])
def test_a_literal_reads_back_as_what_it_was(hostile: str) -> None:
    assert ast.literal_eval(literal(hostile)) == hostile


@pytest.mark.parametrize("dialect", [COMMON, LITE, SERVER_2_3])
@pytest.mark.parametrize(
    "filters",
    [
        {"OR": [{"user_id": "bob"}, {"a": 1}]},
        {"NOT": {"user_id": "alice"}},
        {"NOT": {"AND": [{"user_id": "alice"}, {"a": {"gt": 1}}]}},
        {"a": {"ne": 1}},
        {"a": {"exists": False}},
        {"a": {"contains": 'x" or user_id != "'}},
        {"NOT": {"memory": {"contains": "%"}}},
        {"a.0.1": {"nin": [1, "x", None]}},
        {"user_id": "*"},
        {"role": {"nin": []}},
    ],
)
def test_an_expression_is_one_parenthesis(filters: dict[str, Any], dialect: Any) -> None:
    node = parse_filters(filters)
    scoped = all_of(equals("user_id", "alice"), node)
    assert node is not None
    assert scoped is not None
    inner = to_expression(node, dialect)
    assert to_expression(scoped, dialect) == f'((user_id == "alice") and {inner})'
    depth = 0
    bare = _outside_of_strings(inner)
    for place, character in enumerate(bare):
        depth += {"(": 1, ")": -1}.get(character, 0)
        assert depth > 0 or place == len(bare) - 1, f"{inner} is open at {place}"
    assert depth == 0


# --- dialects -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filters", "inexact"),
    [
        ({"x": 1, "role": "user", "y": {"lt": "b"}, "z": {"nin": [1]}, "w": {"gt": 3}}, []),
        ({"x": {"like": "a_%"}}, [COMMON, LITE, SERVER_2_3]),
        ({"x": {"like": r"50\%%"}}, []),
        ({"x": {"like": "%end"}}, [SERVER_2_3]),
        ({"memory": {"contains": "tea"}}, [SERVER_2_3]),
        ({"memory": {"contains": "50%"}}, [COMMON, LITE, SERVER_2_3]),
        ({"x": {"exists": True}}, [COMMON, SERVER_2_3]),
        ({"role": {"exists": True}}, []),
        ({"NOT": {"x": {"gt": 3}}}, [LITE]),
        ({"NOT": {"x": {"gt": "a"}}}, []),
        ({"NOT": {"NOT": {"x": {"gt": 3}}}}, []),
    ],
)
def test_needs_check_says_where_the_expression_lets_more_through(filters: dict[str, Any], inexact: list[Any]) -> None:
    node = parse_filters(filters)
    assert node is not None
    assert [dialect for dialect in (COMMON, LITE, SERVER_2_3) if needs_check(node, dialect)] == inexact


def test_milvus_2_3_is_sent_no_wildcard_but_at_the_end() -> None:
    for pattern in ("%a%", "a%b", "%a", "_a%", "a_", "a%b%c"):
        for filters in ({"x": {"like": pattern}}, {"memory": {"like": pattern}}, {"NOT": {"x": {"like": pattern}}}):
            node = parse_filters(filters)
            assert node is not None
            assert set(re.findall(r'like "([^"]*)"', to_expression(node, SERVER_2_3))) <= {"%"}


def test_the_typed_fields_are_those_of_the_documentation() -> None:
    assert set(TYPED_FIELDS) == {
        *("id", "user_id", "agent_id", "run_id", "actor_id", "role", "memory", "hash", "event", "version"),
        *("created_at", "updated_at", "observed_at", "expires_at"),
    }
