"""Where the checks of a model's proposals draw the line: the last that passes, and the first that does not."""

from __future__ import annotations

import random
from typing import Any

import pytest

from mem0milvus.data.messages import Message
from mem0milvus.operations.extraction.answer import Proposal, read_answer
from mem0milvus.operations.extraction.check_changes import CheckContext, check_changes, content
from mem0milvus.operations.extraction.quotations import Place, contains_run, find_quotation, find_units, units

WORDS = [f"word{number}" for number in range(12)]


def propose(action: str, memory: str, evidence: str, alias: str = "", about: str = "Ann") -> Proposal:
    return Proposal(action, alias, memory, evidence, about, "")  # type: ignore[arg-type]


def said(*texts: str, name: str = "Ann", role: str = "user") -> list[Message]:
    return [Message(role, text, name) for text in texts]


def reasons(*proposals: Proposal, **context: Any) -> list[str]:
    """Why proposals are rejected; nothing for those that are accepted."""
    _, rejected = check_changes(proposals, CheckContext(**{"messages": said("I like rain."), "known": {}, **context}))
    return [one["reason"] for one in rejected]


# --- quotations


@pytest.mark.parametrize(
    ("length", "wrong", "found"),
    [(4, 0, True), (4, 1, False), (5, 1, True), (5, 2, False), (9, 1, True), (9, 2, False), (10, 2, True)],
)
def test_one_unit_of_five_may_differ(length: int, wrong: int, found: bool) -> None:
    wanted = WORDS[:length]
    for number in range(wrong):
        wanted[1 + 3 * number] = "other"
    assert (find_units(wanted, ["before", *WORDS[:length], "after"]) is not None) is found


@pytest.mark.parametrize("before", [0, 1, 5])
def test_the_end_of_a_quotation_is_counted_in_units(before: int) -> None:
    text = ["x"] * before + WORDS
    assert find_units(WORDS[:3], text) == before + 3
    assert find_units(WORDS[9:], text) == before + 12
    assert find_units([WORDS[0], WORDS[1], "other", WORDS[2], WORDS[3]], text) == before + 4
    assert find_units(["other"], text) is None
    assert find_units(["b", "a"], ["a", "a", "a"]) is None


def test_a_word_that_stands_twice_is_found_at_both_its_places() -> None:
    assert find_units(["the", "cat", "and", "the", "dog"], ["so", "the", "cat", "and", "the", "dog", "ran"]) == 6
    assert find_units(["the", "the", "cat"], ["the", "cat", "the", "the", "cat"]) == 5


def test_an_exact_place_is_better_than_a_near_one_before_it() -> None:
    near, exact = ["a", "b", "c", "d", "x"], ["a", "b", "c", "d", "e"]
    assert find_units(exact, [*near, *exact]) == 10


def _least_differences(wanted: str, text: str) -> int:
    """How many units differ at least between a quotation and a part of a text that ends where the text does."""
    costs = list(range(len(wanted) + 1))
    for unit in text:
        before, costs = costs, [0]
        for place, other in enumerate(wanted):
            costs.append(min(before[place] + (unit != other), before[place + 1] + 1, costs[place] + 1))
    return costs[-1]


@pytest.mark.parametrize("seed", range(20))
def test_a_quotation_ends_where_so_few_units_differ_for_the_first_time(seed: int) -> None:
    chosen = random.Random(seed)
    for _ in range(50):
        wanted = "".join(chosen.choices("abc", k=chosen.randint(1, 12)))
        text = "".join(chosen.choices("abc", k=chosen.randint(0, 20)))
        expected = None
        for most in {0, len(wanted) // 5}:
            ends = [end for end in range(1, len(text) + 1) if _least_differences(wanted, text[:end]) <= most]
            expected = expected or (ends[0] if ends else None)
        assert find_units(wanted, text) == expected, (wanted, text)


def test_a_part_without_words_is_passed_over_and_a_speaker_left_out() -> None:
    assert find_quotation("… I like rain … !!! … I like rain", [units("I like rain")]) == [Place(0, 3), Place(0, 3)]
    assert find_quotation("Bo: I like rain", [units("I like rain")]) == [Place(0, 3)]
    assert find_quotation("Bo:", [units("I like rain")]) == []
    assert find_quotation("note: this", [units("my note: this is it")]) == [Place(0, 3)], "as it was written, first"


@pytest.mark.parametrize("place", [0, 3, 4])
def test_eight_words_in_a_row_are_copied_and_seven_are_not(place: int) -> None:
    copied = WORDS[place : place + 8]
    assert contains_run(copied, WORDS, 8)
    assert contains_run(["x", *copied, "y"], WORDS, 8)
    assert not contains_run(copied[:7], WORDS, 8)
    assert not contains_run([*copied[:7], "x", *copied[7:]], WORDS, 8)
    assert not contains_run(copied, copied[:7], 8)
    assert not contains_run(WORDS[::-1], WORDS, 8)


def test_a_text_from_the_instructions_is_rejected_from_eight_words_on() -> None:
    instructions = "Please keep only what the user says about sports and music."
    for copied, expected in ((8, ["its text is from the instructions"]), (7, [])):
        text = " ".join(instructions.split()[:copied])
        assert reasons(propose("ADD", text, "I like rain"), instructions=instructions) == expected


# --- which memory a deletion is about


@pytest.mark.parametrize(
    ("known", "accepted"),
    [
        # Of fewer than three memories, each word identifies one.
        (["Has a dog.", "Walks the dog."], [True, True]),
        # A word that more than half of the memories have identifies none of them; half is not more than half.
        (["Has a dog.", "Walks the dog.", "Likes rain."], [False, False, False]),
        (["Has a dog.", "Has a cat.", "Likes rain."], [True, False, False]),
        (["Has a dog.", "Walks the dog.", "Likes rain.", "Is tall."], [True, True, False, False]),
        (["Has a dog.", "Walks the dog.", "Feeds the dog.", "Is tall."], [False, False, False, False]),
    ],
)
def test_a_deletion_shares_a_word_with_its_memory_that_few_have(known: list[str], accepted: list[bool]) -> None:
    messages = said("Please forget the dog.")
    for number, is_accepted in enumerate(accepted):
        proposal = propose("DELETE", "", "Please forget the dog", str(number))
        rejected = reasons(proposal, messages=messages, known={str(n): text for n, text in enumerate(known)})
        assert (rejected == []) is is_accepted, known[number]


def test_a_text_without_spaces_is_told_by_its_pairs_of_characters() -> None:
    assert content("東京都") == {"東京", "京都"}
    assert content("犬") == {"犬"}
    assert content("🎾") == {"🎾"}
    assert content("the and of") == frozenset()


# --- who said it


def test_only_names_of_users_are_users() -> None:
    messages = [*said("Hello."), *said("Rain is nice.", name="Bot", role="assistant")]
    for about, expected in (
        ("Ann", []),
        ("Bot", ["only the assistant said it"]),
        ("Bo", ["only the assistant said it"]),
    ):
        assert reasons(propose("ADD", "Likes it.", "Rain is nice", about=about), messages=messages) == expected
    assert reasons(propose("ADD", "Likes it.", "Rain is nice", about="Bo"), messages=messages, users=["Bo"]) == []


def test_a_change_is_attributed_to_the_last_user_whose_words_support_it() -> None:
    messages = [*said("Shall we meet on Friday?"), *said("Yes, let us.", name="Bo"), *said("OK.", role="assistant")]
    proposal = propose("ADD", "They meet on Friday.", "Shall we meet on Friday … Yes, let us … OK")
    ((one,), rejected) = check_changes([proposal], CheckContext(messages, {}))
    assert (one.message.name, one.message.text, rejected) == ("Bo", "Yes, let us.", [])


def test_a_message_of_function_words_is_evidence_as_a_whole_even_if_its_parts_are_said_again() -> None:
    messages = [*said("I am.\nYou are."), *said("You are.")]
    proposal = propose("ADD", "Ann exists.", "I am.\nYou are.")
    assert reasons(proposal, messages=messages) == []
    assert reasons(propose("ADD", "Ann exists.", "I am.\nYou"), messages=messages) == ["the evidence tells nothing"]


# --- reading an answer


def test_what_an_answer_leaves_out_is_empty() -> None:
    (one,), (malformed,) = read_answer({"changes": [{"action": "DELETE"}, {"memory": "m"}]})
    assert (one.alias, one.memory, one.evidence, one.about, one.happened_at) == ("", "", "", "", "")
    assert (malformed["action"], malformed["memory"], malformed["evidence"]) == ("", "m", "")


@pytest.mark.parametrize(("given", "alias"), [("2", "2"), (2, "2"), (" 2 ", "2"), (True, ""), (None, ""), (2.0, "")])
def test_the_number_of_a_memory_may_be_a_text_or_a_whole_number(given: object, alias: str) -> None:
    (one,), _ = read_answer({"changes": [{"action": "DELETE", "id": given}]})
    assert one.alias == alias
