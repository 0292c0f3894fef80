"""The expression of each kind of filter for each kind of Milvus, and the limits of filters to the last number.

``tests/properties/test_filters_milvus.py`` checks the meaning of the expressions against Milvus. These tests notice
every change of an expression.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from mem0milvus import FilterError, ValidationError
from mem0milvus.data.scope import Scope
from mem0milvus.data.timestamps import FOREVER_US
from mem0milvus.retrieval.filters import (
    COMMON,
    LITE,
    SERVER_2_3,
    Dialect,
    Filter,
    all_of,
    any_of,
    at_least,
    equals,
    matches,
    needs_check,
    negation,
    parse_filters,
    parse_value_filters,
    required_text,
    split_scope,
    starts_with,
    to_expression,
)
from mem0milvus.retrieval.filters.patterns import parse_pattern
from mem0milvus.retrieval.filters.scope_filters import (
    exactly_in,
    in_namespace,
    in_scope,
    read_scope_and_filters,
    within_namespace,
)
from mem0milvus.types import UNSET

ALWAYS, NEVER = '(id != "")', '(id == "")'

# In the tables, $ stands for metadata["x"].
MISSING = "not (exists $)"
TEXT = '($ like "%")'
NUMBER = "($ * 0 == 0 or $ == true or $ == false)"
#: On Milvus Lite it is unknown how an object compares with a number: there is one where a brace is within another.
OBJECT = 'metadata like "%{%{%"'


def parsed(filters: Mapping[str, Any]) -> Filter:
    node = parse_filters(filters)
    assert node is not None
    return node


def expressions(node: Filter) -> list[str]:
    """For Milvus Lite, for a server from 2.4 on, and for 2.3."""
    return [to_expression(node, dialect).replace('metadata["x"]', "$") for dialect in (LITE, COMMON, SERVER_2_3)]


@pytest.mark.parametrize(
    ("condition", "holds", "fails"),
    [
        ("a", '($ == "a")', f'({MISSING} or not ($ == "a"))'),
        (True, "($ == 1 or $ == true)", f"({MISSING} or not ($ == 1 or $ == true))"),
        (0.0, "($ == 0 or $ == false)", f"({MISSING} or not ($ == 0 or $ == false))"),
        (2.5, "($ == 2.5)", f"({MISSING} or not ($ == 2.5))"),
        ([], NEVER, ALWAYS),
        (["a"], '($ == "a")', f'({MISSING} or not ($ == "a"))'),
        (["a", 7], '(($ == "a") or ($ == 7))', f'({MISSING} or not (($ == "a") or ($ == 7)))'),
        ({"gte": "a"}, '($ >= "a")', f'({MISSING} or not {TEXT} or ($ < "a"))'),
        ({"contains": 7}, f"(json_contains_any($, [7, 7.0]) and not {TEXT})", ...),
        ({"contains": 2.5}, f"(json_contains_any($, [2.5]) and not {TEXT})", ...),
        ({"contains": True}, f"(json_contains_any($, [1, 1.0, true]) and not {TEXT})", ...),
        ({"contains": 0}, f"(json_contains_any($, [0, 0.0, false]) and not {TEXT})", ...),
        # Up to 2⁵³ a whole number and a float mean the same.
        (
            {"contains": 9_007_199_254_740_992},
            f"(json_contains_any($, [9007199254740992, 9007199254740992.0]) and not {TEXT})",
            ...,
        ),
        ({"contains": 9_007_199_254_740_993}, f"(json_contains_any($, [9007199254740993]) and not {TEXT})", ...),
        ({"like": "a%"}, '($ >= "a" and $ < "b")', f'({MISSING} or not {TEXT} or not ($ >= "a" and $ < "b"))'),
        ({"like": "%"}, TEXT, f"({MISSING} or not {TEXT} or not {TEXT})"),
        ({"like": ""}, '($ == "")', f'({MISSING} or not ($ == ""))'),
        ({"like": r"a\_b"}, '($ == "a_b")', f'({MISSING} or not ($ == "a_b"))'),
        # The first text after all that begin so: there are no characters from D800 to DFFF, and none after 10FFFF.
        ({"like": "a\ud7ff%"}, '($ >= "a\ud7ff" and $ < "a\ue000")', ...),
        ({"like": "a\ud7fe%"}, '($ >= "a\ud7fe" and $ < "a\ud7ff")', ...),
        ({"like": "a\U0010ffff%"}, '($ >= "a\U0010ffff" and $ < "b")', ...),
        ({"like": "\U0010ffff%"}, '($ >= "\U0010ffff")', ...),
        ({"like": "\U0010fffe%"}, '($ >= "\U0010fffe" and $ < "\U0010ffff")', ...),
    ],
)
def test_expression_on_metadata(condition: object, holds: str, fails: Any) -> None:
    """The same for every Milvus; ``...`` is the complement in the form of most."""
    if fails is ...:
        fails = f"({MISSING} or not {holds})"
        if isinstance(condition, dict) and "like" in condition:
            fails = f"({MISSING} or not {TEXT} or not {holds})"
    assert expressions(parsed({"x": condition})) == [holds] * 3
    assert expressions(parsed({"NOT": {"x": condition}})) == [fails] * 3


@pytest.mark.parametrize(
    ("condition", "opposite", "holds", "fails"),
    [
        ({"lt": 1}, ">= 1", "($ < 1 or $ == false)", "($ >= 1 or $ == true)"),
        ({"lte": 0}, "> 0", "($ <= 0 or $ == false)", "($ > 0 or $ == true)"),
        ({"gt": 0}, "<= 0", "($ > 0 or $ == true)", "($ <= 0 or $ == false)"),
        ({"gte": 1}, "< 1", "($ >= 1 or $ == true)", "($ < 1 or $ == false)"),
        ({"gt": True}, "<= 1", "($ > 1)", "($ <= 1 or $ == false or $ == true)"),
        ({"lt": False}, ">= 0", "($ < 0)", "($ >= 0 or $ == false or $ == true)"),
        ({"gte": 0}, "< 0", "($ >= 0 or $ == false or $ == true)", "($ < 0)"),
        ({"gt": 0.5}, "<= 0.5", "($ > 0.5 or $ == true)", "($ <= 0.5 or $ == false)"),
    ],
)
def test_order_of_numbers_on_metadata(condition: object, opposite: str, holds: str, fails: str) -> None:
    """``True`` and ``False`` take part as 1 and 0."""
    complement = f"{MISSING} or not {NUMBER} or {fails}"
    assert expressions(parsed({"x": condition})) == [holds] * 3
    assert expressions(parsed({"NOT": {"x": condition}})) == [
        f"({complement} or {OBJECT})",
        f"({complement})",
        f"({complement})",
    ]


@pytest.mark.parametrize(
    ("condition", "everywhere", "before_2_4"),
    [
        # Milvus Lite takes a line break after the end of a pattern for its end.
        ({"like": "%a"}, r'(($ like "%a") and not ($ like "%a\n"))', TEXT),
        ({"like": "a%b"}, r'(($ like "a%b") and not ($ like "a%b\n"))', '($ >= "a" and $ < "b")'),
        ({"like": "%a%"}, '($ like "%a%")', TEXT),
        ({"like": "a_"}, '($ like "a%")', '($ >= "a" and $ < "b")'),
        (
            {"contains": "a"},
            f'((json_contains_any($, ["a"]) and not {TEXT}) or ($ like "%a%"))',
            f'((json_contains_any($, ["a"]) and not {TEXT}) or {TEXT})',
        ),
        (
            {"contains": "a%"},
            f'((json_contains_any($, ["a%"]) and not {TEXT}) or ($ like "%a%"))',
            f'((json_contains_any($, ["a%"]) and not {TEXT}) or {TEXT})',
        ),
    ],
)
def test_patterns_within_texts_of_metadata(condition: dict[str, str], everywhere: str, before_2_4: str) -> None:
    assert expressions(parsed({"x": condition})) == [everywhere, everywhere, before_2_4]
    exact = not any(sign in condition.get("like", "") for sign in "_") and condition != {"contains": "a%"}
    other = f"{MISSING} or not {TEXT} or" if "like" in condition else f"{MISSING} or"
    fails = f"({other} not {everywhere})" if exact else ALWAYS
    assert expressions(parsed({"NOT": {"x": condition}})) == [fails, fails, ALWAYS]


def test_existence_on_metadata() -> None:
    assert expressions(parsed({"x": "*"})) == ["(exists $)"] * 3
    null = f"({MISSING} or not ({TEXT} or {NUMBER} or exists $[0]))"
    assert expressions(parsed({"x": None})) == [f"({MISSING})", null, null]


@pytest.mark.parametrize(
    ("filters", "holds", "fails"),
    [
        ({"role": "a"}, '(role == "a")', '(role != "a")'),
        ({"version": {"lt": 1}}, "(version < 1)", "(version >= 1)"),
        ({"version": {"lte": 1}}, "(version <= 1)", "(version > 1)"),
        ({"version": {"gt": 1}}, "(version > 1)", "(version <= 1)"),
        ({"version": {"gte": 1}}, "(version >= 1)", "(version < 1)"),
        ({"role": []}, NEVER, ALWAYS),
        ({"role": ["a"]}, '(role in ["a"])', '(role not in ["a"])'),
        ({"role": "*"}, '(role != "")', '(role == "")'),
        ({"updated_at": "*"}, "(updated_at != 0)", "(updated_at == 0)"),
        ({"expires_at": "*"}, f"(expires_at != {FOREVER_US})", f"(expires_at == {FOREVER_US})"),
        ({"version": "*"}, ALWAYS, NEVER),
        ({"memory": {"like": "a%"}}, '(memory >= "a" and memory < "b")', '(not (memory >= "a" and memory < "b"))'),
        ({"role": {"like": "%"}}, '((role != "") and (role like "%"))', '((role == "") or (id == ""))'),
        ({"a": "b", "role": "c"}, '((metadata["a"] == "b") and (role == "c"))', ...),
        (
            {"OR": [{"version": 1}, {"role": "a"}]},
            '((version == 1) or (role == "a"))',
            '((version != 1) and (role != "a"))',
        ),
        ({"AND": [{"version": 1}, {"role": "a"}]}, ..., '((version != 1) or (role != "a"))'),
    ],
)
def test_expression_on_columns(filters: dict[str, Any], holds: Any, fails: Any) -> None:
    if holds is not ...:
        assert expressions(parsed(filters)) == [holds] * 3
    if fails is not ...:
        assert expressions(parsed({"NOT": filters})) == [fails] * 3


@pytest.mark.parametrize(
    ("condition", "everywhere", "fails"),
    [
        ({"contains": "a"}, '(role like "%a%")', '(not (role like "%a%"))'),
        ({"contains": "_"}, '(role like "%")', ALWAYS),
        ({"like": "%a"}, r'((role like "%a") and not (role like "%a\n"))', ...),
        ({"like": "a%b"}, r'((role like "a%b") and not (role like "a%b\n"))', ...),
    ],
)
def test_patterns_within_columns(condition: object, everywhere: str, fails: Any) -> None:
    before_2_4 = '(role >= "a" and role < "b")' if condition == {"like": "a%b"} else ALWAYS
    assert expressions(parsed({"role": condition})) == [everywhere, everywhere, before_2_4]
    other = f"(not {everywhere})" if fails is ... else fails
    assert expressions(parsed({"NOT": {"role": condition}})) == [other, other, ALWAYS]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"x": {"like": "a_"}, "y": "b"}, [True, True, True]),
        ({"y": "b", "x": {"contains": "a"}}, [False, False, True]),
        ({"OR": [{"y": "b"}, {"role": {"like": "%a"}}]}, [False, False, True]),
        ({"AND": [{"x": 1}, {"NOT": {"y": {"lt": 1}}}]}, [True, False, False]),
        ({"NOT": {"x": 1}}, [False, False, False]),
        ({"NOT": {"version": {"lt": 1}}}, [False, False, False]),
        ({"x": {"lt": 1}}, [False, False, False]),
        ({"x": "*"}, [False, True, True]),
        ({"x": {"contains": 1}}, [False, False, False]),
    ],
)
def test_what_must_be_checked(filters: dict[str, Any], expected: list[bool]) -> None:
    dialects: list[Dialect] = [LITE, COMMON, SERVER_2_3]
    assert [needs_check(parsed(filters), dialect) for dialect in dialects] == expected


# --- conditions that are built in code


def test_conditions_on_a_scope() -> None:
    scope = Scope(user_id="u", run_id="r")
    assert in_scope(Scope()) is None
    assert in_scope(Scope(agent_id="g")) == equals("agent_id", "g")
    assert in_scope(scope) == all_of(equals("user_id", "u"), equals("run_id", "r"))
    assert exactly_in(scope) == all_of(equals("user_id", "u"), equals("agent_id", ""), equals("run_id", "r"))


def test_conditions_on_a_namespace() -> None:
    assert in_namespace("a/b") == equals("namespace", "a/b")
    assert within_namespace("") is None
    assert within_namespace("a/") == starts_with("namespace", "a/")
    node = starts_with("namespace", "a/")
    assert [matches(node, {"namespace": one, "metadata": {}}) for one in ("a/", "a/b", "a", "b/a/", "")] == [
        *(True, True, False, False, False)
    ]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (None, None),
        (equals("user_id", "u"), "u"),
        (equals("agent_id", "u"), None),
        (all_of(equals("agent_id", "g"), equals("user_id", "u")), "u"),
        (all_of(equals("agent_id", "g"), at_least("version", 1)), None),
        (any_of(equals("user_id", "u"), equals("user_id", "v")), None),
        (negation(equals("user_id", "u")), None),
        (parse_filters({"user_id": {"gte": "u"}}), None),
        (parse_filters({"user_id": {"ne": "u"}}), None),
        (parse_filters({"user_id": ["u"]}), None),
        (parse_filters({"user_id": {"like": "u%"}}), None),
        (parse_filters({"metadata.user_id": "u"}), None),
        (parse_filters({"AND": [{"x": 1}, {"user_id": "u"}]}), "u"),
    ],
)
def test_only_an_equality_that_all_rows_satisfy_says_what_a_text_is(where: Filter | None, expected: str | None) -> None:
    assert required_text(where, "user_id") == expected


@pytest.mark.parametrize("scope", [{"user_id": "u"}, {"agent_id": "g", "run_id": "r"}])
def test_a_scope_may_be_given_as_arguments_or_in_the_filters(scope: dict[str, str]) -> None:
    ids = {name: scope.get(name, UNSET) for name in ("user_id", "agent_id", "run_id")}
    given = read_scope_and_filters(*ids.values(), {"x": 1})  # type: ignore[arg-type]
    inside = read_scope_and_filters(UNSET, UNSET, UNSET, {**scope, "x": 1})
    twice = read_scope_and_filters(*ids.values(), {**scope, "x": 1})  # type: ignore[arg-type]
    assert given == inside == twice == (Scope(**scope), parse_filters({"x": 1}))
    assert read_scope_and_filters(UNSET, UNSET, UNSET, None) == (Scope(), None)
    name, _ = next(iter(scope.items()))
    with pytest.raises(ValidationError, match=f"{name} is .*'other'"):
        read_scope_and_filters(*ids.values(), {name: "other"})  # type: ignore[arg-type]


def test_a_builder_refuses_half_a_surrogate_pair_and_takes_the_largest_numbers() -> None:
    with pytest.raises(FilterError, match="surrogate"):
        equals("id", "\ud800")
    for number in (2**63 - 1, 1 - 2**63):
        assert matches(equals("version", number), {"version": number})
    for number in (2**63, -(2**63)):
        with pytest.raises(FilterError, match="version is compared with a whole number"):
            equals("version", number)
    with pytest.raises(FilterError, match="id is compared with text"):
        equals("id", 1)


# --- limits


def nested(depth: int) -> dict[str, Any]:
    """A filter so deep; one condition alone is 0 deep."""
    filters: dict[str, Any] = {"x": 1}
    for _ in range(depth):
        filters = {"NOT": filters}
    return filters


def test_thirty_two_levels_are_read_and_no_more() -> None:
    for parse in (parse_filters, parse_value_filters):
        assert parse(nested(32)) is not None
        with pytest.raises(FilterError, match="32"):
            parse(nested(33))


def test_a_scope_is_looked_for_thirty_two_levels_deep() -> None:
    def anded(depth: int) -> dict[str, Any]:
        filters: dict[str, Any] = {"user_id": "u", "x": 1}
        for _ in range(depth):
            filters = {"AND": [filters]}
        return filters

    assert split_scope(anded(32))[0] == {"user_id": "u"}
    assert split_scope(anded(33))[0] == {}
    scope, rest = split_scope({"AND": [{"user_id": "u"}, {}, "x"]})
    assert (scope, rest) == ({"user_id": "u"}, {"AND": [{}, "x"]}), "what is wrong is left to be refused"
    with pytest.raises(FilterError, match="must be a dict"):
        split_scope(["user_id"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "each"), [("x", 1), ("role", 1), ("x.0", 2), ("x.0.1", 4), ("x.1.2.3", 8), ("x.y", 1), ("0.x", 1)]
)
def test_five_hundred_comparisons_are_made_and_no_more(name: str, each: int) -> None:
    most = 500 // each
    for value in ("a", "*"):
        parsed({"OR": [{name: value}] * most})
        with pytest.raises(FilterError, match="500"):
            parsed({"OR": [{name: value}] * (most + 1)})


def test_three_numeric_parts_beside_the_first_are_read_and_no_more() -> None:
    parsed({"0.1.2.3": 1})
    with pytest.raises(FilterError, match="3 numeric parts"):
        parsed({"0.1.2.3.4": 1})


@pytest.mark.parametrize("number", [2**63 - 1, 1 - 2**63, float(2**62), 1e300, -(2.0**63), 2.0**63])
def test_numbers_up_to_64_bits_and_any_float_are_compared(number: float) -> None:
    whole = abs(number) < 2**63
    assert expressions(parsed({"x": number}))[0] == f"($ == {int(number) if whole else number!r})"
    assert matches(parsed({"x": number}), {"metadata": {"x": number}})


@pytest.mark.parametrize("number", [2**63, -(2**63), 10**30])
def test_whole_numbers_beyond_64_bits_are_refused(number: int) -> None:
    with pytest.raises(FilterError, match="64 bits"):
        parsed({"x": number})


def test_a_filter_on_values_reads_every_name_as_a_path() -> None:
    assert parse_value_filters(None) is None
    assert parse_value_filters({}) is None
    node = parse_value_filters({"user_id": "u", "metadata.x": 1, "role": {"in": ["a"]}})
    assert node is not None
    assert to_expression(node) == (
        '((metadata["user_id"] == "u") and (metadata["metadata"]["x"] == 1 or metadata["metadata"]["x"] == true) '
        'and (metadata["role"] == "a"))'
    )
    with pytest.raises(FilterError, match="'a..b' has an empty part"):
        parse_value_filters({"a..b": 1})
    with pytest.raises(FilterError, match="filters must be a dict"):
        parse_value_filters([])  # type: ignore[arg-type]


@pytest.mark.parametrize("length", [70, 78, 79, 100])
def test_a_long_value_is_cut_to_eighty_characters_in_a_message(length: int) -> None:
    with pytest.raises(FilterError) as caught:
        parsed({"x": {"exists": "v" * length}})
    shown = repr("v" * length)
    assert str(caught.value).endswith(
        f"not str {shown if len(shown) <= 80 else f'{shown[:80]}… ({len(shown)} characters)'}."
    )


def test_a_wrong_word_is_answered_with_the_one_that_is_likest() -> None:
    with pytest.raises(FilterError) as caught:
        parsed({"x": {"gtt": 1}})
    assert "is not an operator. Did you mean 'gt'? The operators are" in str(caught.value)
    with pytest.raises(FilterError) as caught:
        parsed({"x": {"zzz": 1}})
    assert "is not an operator. The operators are" in str(caught.value)
    with pytest.raises(FilterError, match="Did you mean 'eq'"):  # the least alike that counts
        parsed({"x": {"equals": 1}})


def test_only_a_point_in_time_in_place_of_a_value_gets_a_hint() -> None:
    with pytest.raises(FilterError, match=r"not with bytes b'a'\.$"):
        parsed({"x": b"a"})


def test_a_search_in_an_id_may_be_for_an_empty_text() -> None:
    for condition in ({"contains": ""}, {"like": "%"}):
        assert matches(parsed({"user_id": condition}), {"user_id": "u", "metadata": {}})
        assert not matches(parsed({"user_id": condition}), {"user_id": "", "metadata": {}})


# --- patterns


@pytest.mark.parametrize(
    ("pattern", "found", "not_found"),
    [
        ("", [""], ["a"]),
        (r"\%\_", ["%_"], ["a_", "%a", r"\%\_"]),
        (r"a\\", ["a\\"], ["a", "a\\\\"]),
        ("%%a", ["a", "ba"], ["ab"]),
        ("_%", ["a", "ab", "\n"], [""]),
        ("__", ["ab"], ["a", "abc"]),
        ("ab%cd%ef", ["abcdef", "ab1cd2ef"], ["abef", "abcdefg"]),
        ("a.b", ["a.b"], ["axb"]),
    ],
)
def test_pattern(pattern: str, found: list[str], not_found: list[str]) -> None:
    rows = [{"metadata": {"x": text}, "memory": text} for text in [*found, *not_found]]
    assert [row["memory"] for row in rows if matches(parsed({"x": {"like": pattern}}), row)] == found
    there = [text for text in found if text]  # an empty column is a missing one
    assert [row["memory"] for row in rows if matches(parsed({"memory": {"like": pattern}}), row)] == there


@pytest.mark.parametrize(
    ("pattern", "head", "tail"),
    [
        ("", "", ""),
        ("a%", "a", ""),
        ("%a", "", "a"),
        ("%a%", "", ""),
        ("a_", "a", ""),
        ("%a_", "", ""),
        ("a", "a", "a"),
    ],
)
def test_texts_before_the_first_and_after_the_last_wildcard(pattern: str, head: str, tail: str) -> None:
    parsed_pattern = parse_pattern(pattern)
    assert (parsed_pattern.head, parsed_pattern.tail) == (head, tail)


def test_a_column_that_a_row_lacks_is_as_one_that_was_not_given() -> None:
    assert matches(parsed({"role": ""}), {"metadata": {}})
    assert matches(parsed({"role": None}), {"metadata": {}})
    assert not matches(parsed({"version": {"lt": 9}}), {"metadata": {}})
