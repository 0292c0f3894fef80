"""What each operation does, through the public surface, with both faces, on Milvus Lite and on servers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from hashlib import md5
from typing import Any

import pytest

from mem0milvus import NotFoundError, ValidationError
from tests.conftest import Config, only_id, texts
from tests.fix_server import Store

pytestmark = pytest.mark.every_store

TENNIS = "Likes to play tennis on weekends"
EXAM = "I have a linear algebra midterm exam on November 20"


def add(memory: Any, *messages: str, user_id: str = "alice", **arguments: Any) -> list[str]:
    """Add texts as they are and return their ids."""
    spoken = [{"role": "user", "content": text} for text in messages]
    result = memory.add(spoken, user_id=user_id, infer=False, **arguments)
    return [change["id"] for change in result["results"]]


def assert_found_by_words(memory: Any, store: Store, query: str, expected: list[str], **arguments: Any) -> None:
    """A lexical search finds these; where there is no column for words, it says so."""
    if store.words:
        assert texts(memory.search(query, user_id="alice", mode="lexical", **arguments)) == expected
        return
    with pytest.raises(ValidationError, match="mode='lexical' needs sparse vectors"):
        memory.search(query, user_id="alice", mode="lexical", **arguments)
    found = texts(memory.search(query, user_id="alice", **arguments))
    assert found[: len(expected)] == expected, "in a hybrid search, words count in the ranking"


# --- add


def test_messages_are_stored_as_they_are_in_their_order_with_who_said_them(memory: Any) -> None:
    said = [
        {"role": "system", "content": "You are helpful."},
        {"role": "user", "content": "Where is my cat?", "name": "Ann"},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "content": "found", "tool_call_id": "1"},
        {"role": "user", "content": [{"type": "text", "text": "Look:"}, {"type": "image_url", "image_url": {}}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {}}]},
        {"role": "assistant", "content": "On the sofa."},
    ]
    memory.add(said, user_id="u", infer=False)
    items = memory.get_all("u")["results"]
    assert [(i["memory"], i["role"], i.get("actor_id")) for i in items] == [
        ("Where is my cat?", "user", "Ann"),
        ("Look:", "user", None),
        ("On the sofa.", "assistant", None),
    ]


def test_with_infer_the_statements_of_users_are_kept_word_for_word_and_each_once(memory: Any) -> None:
    first = memory.add(
        [
            {"role": "user", "content": "Hi! I moved to Oslo in May. Do you know it? My dog is called Rex."},
            {"role": "assistant", "content": "Oslo is lovely."},
        ],
        user_id="u",
    )
    assert [change["memory"] for change in first["results"]] == ["I moved to Oslo in May.", "My dog is called Rex."]
    again = memory.add("My dog is called Rex. I like rain.", user_id="u")
    assert [change["memory"] for change in again["results"]] == ["I like rain."]
    other = memory.add("My dog is called Rex.", user_id="v")
    assert len(other["results"]) == 1, "another scope has its own memories"


def test_nothing_worth_remembering_is_no_error(memory: Any) -> None:
    assert memory.add("Thanks!", user_id="u") == {"results": [], "relations": []}
    assert memory.add([{"role": "system", "content": "Be brief."}], user_id="u", infer=False)["results"] == []


def test_hash_is_the_md5_of_the_text_and_metadata_comes_back_as_json(memory: Any) -> None:
    (one,) = add(memory, TENNIS, metadata={"n": 1, "deep": {"list": [1, "ü", None, True]}, "tuple": (1, 2)})
    item = memory.get(one)
    assert item["hash"] == md5(TENNIS.encode()).hexdigest()
    assert item["metadata"] == {"n": 1, "deep": {"list": [1, "ü", None, True]}, "tuple": [1, 2]}


def test_recording_time_and_event_time_are_two_things(memory: Any) -> None:
    before = datetime.now(timezone.utc)
    (told,) = add(memory, "We met in Rome.", timestamp="2023-05-08T13:56:00+02:00")
    (untold,) = add(memory, "We met in Paris.")
    item = memory.get(told)
    assert item["observed_at"] == "2023-05-08T11:56:00.000000+00:00"
    assert before <= datetime.fromisoformat(item["created_at"]) <= datetime.now(timezone.utc)
    assert memory.get(untold)["observed_at"] == memory.get(untold)["created_at"]


def test_ids_make_a_retry_change_nothing(memory: Any) -> None:
    assert add(memory, TENNIS, EXAM, ids=["a", "b"]) == ["a", "b"]
    assert add(memory, TENNIS, EXAM, ids=["a", "b"]) == []
    assert add(memory, EXAM, "I like rain.", ids=["b", "c"]) == ["c"], "what is missing is added"
    assert texts(memory.get_all("alice")) == [TENNIS, EXAM, "I like rain."]
    assert len(memory.history("a")) == 1


def test_an_id_whose_memory_was_deleted_goes_on_from_its_past(memory: Any) -> None:
    add(memory, TENNIS, ids=["a"])
    memory.delete("a")
    assert add(memory, EXAM, ids=["a"]) == ["a"]
    assert [(h["version"], h["event"], h["new_memory"]) for h in memory.history("a")] == [
        (1, "ADD", TENNIS),
        (2, "DELETE", None),
        (3, "ADD", EXAM),
    ]
    memory.restore("a", 1)
    assert memory.get("a")["memory"] == TENNIS


def test_ids_with_inference_name_what_was_extracted(memory: Any) -> None:
    assert only_id(memory.add("Hello! I like rain.", user_id="u", ids=["x"])) == "x"
    assert memory.add("Hello! I like rain.", user_id="u", ids=["x"])["results"] == []


# --- reading


def test_get_all_is_ordered_cut_and_narrowed(memory: Any) -> None:
    add(memory, "one", "two", "three", "four", metadata={"even": False})
    add(memory, "five", user_id="bob")
    assert texts(memory.get_all("alice")) == ["one", "two", "three", "four"]
    assert texts(memory.get_all("alice", top_k=2, offset=1)) == ["two", "three"]
    assert texts(memory.get_all("alice", limit=1)) == ["one"]
    assert texts(memory.get_all("alice", offset=9)) == []
    assert texts(memory.get_all()) == ["one", "two", "three", "four", "five"]
    assert texts(memory.get_all("nobody")) == []
    assert texts(memory.get_all(filters={"user_id": "bob"})) == ["five"]


def test_iterate_gives_every_memory_once(memory: Any) -> None:
    add(memory, *(f"fact {n}" for n in range(1200)))
    add(memory, "of another", user_id="bob")
    found = [item["memory"] for item in memory.iterate("alice")]
    assert len(found) == 1200
    assert set(found) == {f"fact {n}" for n in range(1200)}
    assert len(list(memory.iterate())) == 1201


def test_scopes_narrow_by_each_id_alike(memory: Any) -> None:
    add(memory, "all three", agent_id="g", run_id="r")
    add(memory, "user and run", run_id="r")
    add(memory, "user alone")
    memory.add([{"role": "user", "content": "agent alone"}], agent_id="g", infer=False)
    assert set(texts(memory.get_all(run_id="r"))) == {"all three", "user and run"}
    assert set(texts(memory.get_all(agent_id="g"))) == {"all three", "agent alone"}
    assert texts(memory.get_all("alice", agent_id="g", run_id="r")) == ["all three"]
    assert set(texts(memory.search("all of it, alone", agent_id="g"))) == {"all three", "agent alone"}
    assert texts(memory.search("agent", filters={"agent_id": "g", "user_id": "alice"})) == ["all three"]
    item = memory.get_all("alice", agent_id="g")["results"][0]
    assert (item["user_id"], item["agent_id"], item["run_id"]) == ("alice", "g", "r")


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"kind": "a"}, {"one", "two"}),
        ({"kind": {"in": ["b", "c"]}}, {"three"}),
        ({"n": {"gte": 2}}, {"two", "three"}),
        ({"n": {"gt": 1, "lt": 3}}, {"two"}),
        ({"kind": "a", "n": 2}, {"two"}),
        ({"deep.colour": "red"}, {"three"}),
        ({"NOT": {"kind": "a"}}, {"three"}),
        ({"OR": [{"n": 1}, {"kind": "b"}]}, {"one", "three"}),
        ({"created_at": {"lt": "2001-01-01"}}, set()),
        ({"role": "user"}, {"one", "two", "three"}),
    ],
)
def test_filters_narrow_get_all_and_search(memory: Any, filters: dict[str, Any], expected: set[str]) -> None:
    add(memory, "one", metadata={"kind": "a", "n": 1})
    add(memory, "two", metadata={"kind": "a", "n": 2})
    add(memory, "three", metadata={"kind": "b", "n": 3, "deep": {"colour": "red"}})
    assert set(texts(memory.get_all("alice", filters=filters))) == expected
    assert set(texts(memory.search("one two three", user_id="alice", filters=filters))) == expected


# --- search


def test_the_question_finds_what_it_is_about_with_and_without_metadata(memory: Any) -> None:
    add(memory, TENNIS, metadata={"category": "hobbies"})
    add(memory, EXAM, metadata={"category": "task"})
    assert texts(memory.search("What are Alice's hobbies", user_id="alice")) == [TENNIS, EXAM]
    add(memory, TENNIS, EXAM, user_id="bare")
    assert texts(memory.search("Which sport is played on the weekend?", user_id="bare"))[0] == TENNIS


def test_what_was_never_said_has_only_low_relevance(memory: Any) -> None:
    add(memory, TENNIS, EXAM)
    asked = memory.search("What is the capital of Mongolia?", user_id="alice")["results"]
    fitting = memory.search("Does Alice play tennis at the weekend?", user_id="alice")["results"][0]
    assert len(asked) == 2, "without a threshold nothing is cut"
    assert max(item["relevance"] for item in asked) < fitting["relevance"] / 2
    assert texts(memory.search("What is the capital of Mongolia?", user_id="alice", threshold=0.25)) == []


def test_relevance_depends_on_question_and_memory_alone(memory: Any) -> None:
    add(memory, TENNIS)
    alone = memory.search("tennis on weekends", user_id="alice")["results"][0]["relevance"]
    add(memory, *(f"Some other fact about tennis, number {n}" for n in range(30)))
    among = {
        item["memory"]: item["relevance"] for item in memory.search("tennis on weekends", user_id="alice")["results"]
    }
    assert among[TENNIS] == pytest.approx(alone, abs=1e-6)


@pytest.mark.parametrize("metric", ["L2", "COSINE", "IP"])
def test_score_is_the_metrics_own_value_also_for_what_words_alone_found(
    open_memory: Callable[..., Any], config: Config, metric: str
) -> None:
    config["vector_store"]["config"]["metric_type"] = metric
    memory = open_memory(config)
    add(memory, TENNIS, EXAM)
    hybrid = {i["memory"]: i["score"] for i in memory.search("tennis", user_id="alice")["results"]}
    dense = {i["memory"]: i["score"] for i in memory.search("tennis", user_id="alice", mode="dense")["results"]}
    assert hybrid == pytest.approx(dense)
    assert (hybrid[TENNIS] < hybrid[EXAM]) == (metric == "L2")


def test_modes_and_explanation(memory: Any, store: Store) -> None:
    add(memory, TENNIS, EXAM)
    for mode in ("hybrid", "dense", *(["lexical"] if store.words else [])):
        best = memory.search("tennis", user_id="alice", mode=mode, explain=True)["results"][0]
        assert best["memory"] == TENNIS
        assert {"order", "similarity", "lexical"} <= set(best["explain"])
    assert_found_by_words(memory, store, "tennis", [TENNIS])
    assert "explain" not in memory.search("tennis", user_id="alice")["results"][0]


def test_top_k_and_its_other_name(memory: Any) -> None:
    add(memory, *(f"fact number {n}" for n in range(15)))
    assert len(memory.search("fact", user_id="alice")["results"]) == 10
    assert len(memory.search("fact", user_id="alice", top_k=3)["results"]) == 3
    assert len(memory.search("fact", user_id="alice", limit=12)["results"]) == 12


def test_neighbours_in_a_run_come_along_with_what_was_found(memory: Any) -> None:
    add(memory, "What did you buy, Mel?", "A green bicycle.", "Lovely.", run_id="r1")
    add(memory, *(f"unrelated chatter {n}" for n in range(60)), run_id="r2")
    found = texts(memory.search("What did Mel buy?", user_id="alice", top_k=3))
    assert "A green bicycle." in found


# --- update, history, restore, delete


def test_update_keeps_the_metadata_it_was_not_given(memory: Any, store: Store) -> None:
    (one,) = add(memory, TENNIS, metadata={"a": 1, "b": 2})
    memory.update(one, EXAM)
    assert memory.get(one)["metadata"] == {"a": 1, "b": 2}
    memory.update(one, EXAM, metadata={"b": 3, "c": 4})
    item = memory.get(one)
    assert item["metadata"] == {"a": 1, "b": 3, "c": 4}
    assert (item["memory"], item["version"]) == (EXAM, 3)
    assert item["hash"] == md5(EXAM.encode()).hexdigest()
    assert_found_by_words(memory, store, "algebra", [EXAM])
    assert_found_by_words(memory, store, "tennis", [])


def test_an_update_that_changes_nothing_is_no_version(memory: Any) -> None:
    (one,) = add(memory, TENNIS, metadata={"a": 1})
    memory.update(one, TENNIS, metadata={"a": 1})
    assert len(memory.history(one)) == 1
    assert memory.get(one)["updated_at"] is None


def test_history_tells_every_change_also_of_a_deleted_memory(memory: Any) -> None:
    (one,) = add(memory, "v1")
    memory.update(one, "v2")
    memory.update(one, "v3")
    memory.delete(one)
    entries = memory.history(one)
    assert [(e["event"], e["old_memory"], e["new_memory"]) for e in entries] == [
        ("ADD", None, "v1"),
        ("UPDATE", "v1", "v2"),
        ("UPDATE", "v2", "v3"),
        ("DELETE", "v3", None),
    ]
    changed = [e["updated_at"] for e in entries[1:]]
    assert changed == sorted(changed)
    assert len({e["id"] for e in entries}) == 4


def test_restore_brings_back_a_version_as_a_new_one(memory: Any, store: Store) -> None:
    (one,) = add(memory, "v1 apples", metadata={"n": 1})
    memory.update(one, "v2 pears", metadata={"n": 2})
    memory.restore(one, 1)
    item = memory.get(one)
    assert (item["memory"], item["metadata"], item["version"]) == ("v1 apples", {"n": 1}, 3)
    assert_found_by_words(memory, store, "apples", ["v1 apples"])
    memory.delete(one)
    memory.restore(one, 2)
    assert memory.get(one)["memory"] == "v2 pears"
    assert [e["event"] for e in memory.history(one)] == ["ADD", "UPDATE", "RESTORE", "DELETE", "RESTORE"]
    memory.update(one, "v6")
    memory.delete(one)
    assert [e["version"] for e in memory.history(one)] == [1, 2, 3, 4, 5, 6, 7], "a stale tombstone is replaced"
    with pytest.raises(ValidationError, match="Version 4 .* is its deletion"):
        memory.restore(one, 4)
    with pytest.raises(NotFoundError, match="no version 9; its latest is 7"):
        memory.restore(one, 9)


def test_the_three_forms_of_delete(memory: Any) -> None:
    ids = add(memory, "a", "b", "c", "d")
    (bobs,) = add(memory, "e", user_id="bob")
    assert memory.delete(ids[0]) == {"message": "Memory deleted successfully!", "deleted": 1}
    assert memory.delete(memory_ids=[ids[1], bobs, ids[1]])["deleted"] == 2, "across users, each once"
    add(memory, "f", user_id="bob")
    assert memory.delete(user_id="alice")["deleted"] == 2
    assert texts(memory.get_all()) == ["f"]
    assert memory.delete(user_id="alice")["deleted"] == 0


def test_a_batch_with_an_unknown_id_deletes_nothing(memory: Any) -> None:
    ids = add(memory, "a", "b")
    with pytest.raises(NotFoundError, match="'nobody'.*Nothing was deleted"):
        memory.delete(memory_ids=[ids[0], "nobody", ids[1]])
    assert texts(memory.get_all()) == ["a", "b"]


def test_delete_all_takes_any_number_and_only_the_scope(memory: Any) -> None:
    add(memory, *(f"fact {n}" for n in range(1100)), run_id="r")
    add(memory, "kept", run_id="s")
    assert memory.delete_all(user_id="alice", run_id="r")["deleted"] == 1100
    assert texts(memory.get_all()) == ["kept"]


def test_purge_leaves_nothing_in_the_history(memory: Any) -> None:
    kept, one, two, gone = add(memory, "kept", "v1", "w1", "x1")
    memory.update(one, "v2")
    memory.delete(gone)
    memory.delete(one, purge=True)
    memory.delete(memory_ids=[gone], purge=True)
    for memory_id in (one, gone):
        with pytest.raises(NotFoundError):
            memory.history(memory_id)
    memory.delete(two)
    (bobs,) = add(memory, "z", user_id="bob")
    memory.delete(bobs)
    assert memory.delete(user_id="alice", purge=True)["deleted"] == 1
    for memory_id in (kept, two):
        with pytest.raises(NotFoundError):
            memory.history(memory_id)
    assert len(memory.history(bobs)) == 2, "another user's past stays"


def test_reset_empties_this_memory_and_leaves_others_alone(open_memory: Callable[..., Any], config: Config) -> None:
    memory = open_memory(config)
    config["vector_store"]["config"]["collection_name"] = "others"
    other = open_memory(config)
    (one,) = add(memory, TENNIS, run_id="r")
    add(other, EXAM)
    memory.reset()
    assert texts(memory.get_all()) == []
    with pytest.raises(NotFoundError):
        memory.history(one)
    assert texts(other.get_all()) == [EXAM]
    assert add(memory, TENNIS, run_id="r")


# --- time


def test_as_of_shows_what_was_known_then(memory: Any, store: Store) -> None:
    start = _now()
    (one,) = add(memory, "I live in Oslo.")
    (two,) = add(memory, "I have a cat.")
    known = _now()
    memory.update(one, "I live in Rome.")
    memory.delete(two)
    add(memory, "I have a dog.")
    changed = _now()
    memory.update(one, "I live in Bergen.")
    assert texts(memory.get_all("alice", as_of=start)) == []
    assert texts(memory.get_all("alice", as_of=known)) == ["I live in Oslo.", "I have a cat."]
    assert texts(memory.get_all("alice", as_of=changed)) == ["I live in Rome.", "I have a dog."]
    assert texts(memory.get_all("alice")) == ["I live in Bergen.", "I have a dog."]
    assert_found_by_words(memory, store, "Where do I live?", ["I live in Oslo."], as_of=known)
    assert set(texts(memory.search("cat or dog", user_id="alice", as_of=known))) == {"I live in Oslo.", "I have a cat."}
    memory.restore(two, 1)
    assert set(texts(memory.get_all("alice", as_of=changed))) == {"I live in Rome.", "I have a dog."}


def test_an_expired_memory_is_no_longer_found(memory: Any, move_clock: Callable[[float], None]) -> None:
    soon = datetime.now(timezone.utc) + timedelta(hours=1)
    (one,) = add(memory, "The code is 1234.", expires_at=soon)
    assert memory.get(one)["expires_at"] == soon.isoformat(timespec="microseconds")
    move_clock(3_601)
    assert texts(memory.get_all("alice")) == []
    assert texts(memory.search("code", user_id="alice")) == []
    with pytest.raises(NotFoundError):
        memory.get(one)


def _now() -> datetime:
    return datetime.now(timezone.utc)


# --- closing


def test_a_closed_memory_says_so_and_closing_twice_is_fine(memory: Any) -> None:
    add(memory, TENNIS)
    memory.close()
    memory.close()
    with pytest.raises(Exception, match="This memory is closed"):
        memory.get_all()
