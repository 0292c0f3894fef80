"""Results in notebooks: tables, and dicts in every other way."""

from __future__ import annotations

import copy
import json
import pickle
import re
from typing import Any

from mem0milvus.data.notebook_tables import MAX_ROWS, as_table


def test_results_are_dicts_and_lists_that_also_show_as_tables(memory: Any) -> None:
    memory.add("I like <b>tennis</b> & chess.", user_id="alice", infer=False, ids=["one"], metadata={"level": 3})
    memory.update("one", "I like golf.")
    memory.add("I keep bees.", user_id="alice", infer=False)
    results = [
        memory.get("one"),
        memory.get_all("alice"),
        memory.search("golf", user_id="alice"),
        memory.history("one"),
    ]
    for result in results:
        assert isinstance(result, (dict, list))
        html = result._repr_html_()
        assert html.startswith("<table>")
        assert "<b>" not in html
        assert "golf" in html
        plain = json.loads(json.dumps(result))
        assert plain == result
        assert repr(plain) == repr(result)
        for again in (copy.copy(result), copy.deepcopy(result), pickle.loads(pickle.dumps(result))):
            assert again == result
    assert "&lt;b&gt;tennis&lt;/b&gt; &amp; chess." in results[-1]._repr_html_()


def rows(html: str) -> list[list[str]]:
    return [
        re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line, re.DOTALL)
        for line in re.findall(r"<tr>.*?</tr>", html, re.DOTALL)
    ]


def test_a_table_begins_with_what_matters_and_shows_values_for_people() -> None:
    item = {
        "id": "1",
        "hash": "abc",
        "updated_at": None,
        "memory": "m",
        "metadata": {"a": 1},
        "score": 0.25,
        "pending": True,
    }
    table: Any = as_table({"results": [item, {**item, "user_id": "<u>"}]})
    heading, first, second = rows(table._repr_html_())
    assert heading == ["memory", "score", "id", "updated at", "metadata", "pending", "user id"]
    assert first == ["m", "0.250", "1", "", "a: 1", "yes", ""]
    assert second[-1] == "&lt;u&gt;"


def test_nothing_and_too_much() -> None:
    empty: Any = as_table({"results": []})
    assert "no results" in empty._repr_html_()
    long: Any = as_table([{"n": n} for n in range(MAX_ROWS + 5)])
    assert len(rows(long._repr_html_())) == MAX_ROWS + 1
    assert "… and 5 more" in long._repr_html_()
    plain: Any = as_table({"message": "done", "deleted": 2})
    assert rows(plain._repr_html_())[1:] == [["message", "done"], ["deleted", "2"]]
