"""The rules that tell what is worth remembering, without a model."""

from __future__ import annotations

import pytest

from mem0milvus.data.messages import Message
from mem0milvus.operations.extraction.rules import is_statement, sentences, statements


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I like rain. I hate snow!", ["I like rain.", "I hate snow!"]),
        ("I moved to 3.5 Main St. in Boston, MA.", ["I moved to 3.5 Main St. in Boston, MA."]),
        (f"Dr.{' ' * 30}Smith is my doctor.", [f"Dr.{' ' * 30}Smith is my doctor."]),
        ("Dr. Smith is my doctor. J. R. is his son.", ["Dr. Smith is my doctor.", "J. R. is his son."]),
        ("My dentist is a Dr.", ["My dentist is a Dr."]),
        ("See example.com for more", ["See example.com for more"]),
        ("one line\nanother line\n\n", ["one line", "another line"]),
        ("私は東京に住んでいます。犬がいます！", ["私は東京に住んでいます。", "犬がいます！"]),
        ("मैं दिल्ली में रहता हूँ। मुझे चाय पसंद है।", ["मैं दिल्ली में रहता हूँ।", "मुझे चाय पसंद है।"]),
        ("  ", []),
        ("Really?! Yes...", ["Really?!", "Yes..."]),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert list(sentences(text)) == expected


@pytest.mark.parametrize(
    "statement",
    [
        "I am working on improving my tennis skills.",
        "I have a linear algebra midterm exam on November 20",
        "My name is Bob",
        "Remember that my dog is called Rex.",
        "What I like most is rain.",
        "Soy alérgico a las nueces.",
        "私は東京に住んでいます。",
        "Мою собаку зовут Рекс.",
    ],
)
def test_statements_are_kept(statement: str) -> None:
    assert is_statement(statement)


@pytest.mark.parametrize(
    "other",
    [
        "Hi!", "Hey Mel!", "Thanks a lot.", "Thank you so much", "ok", "Good to see you!", "Yes, exactly.", "...", "👍",
        "How are you?", "元気ですか？", "كيف حالك؟", "What is the weather like", "Can you help me with this",
        "Tell me a joke.", "Please explain this", "Merci !", "こんにちは。",
    ],
)  # fmt: skip
def test_greetings_questions_and_requests_are_not(other: str) -> None:
    assert is_statement(other) is False


def test_only_users_are_listened_to_and_each_statement_counts_once() -> None:
    said = [
        Message("user", "I like rain. Do you?", "Ann"),
        Message("assistant", "I like snow."),
        Message("user", "I like rain.", "Bob"),
    ]
    assert statements(said) == [Message("user", "I like rain.", "Ann")]


def test_hostile_text_is_read_in_no_time() -> None:
    assert len(list(sentences("A. " * 20_000))) >= 1
    assert list(sentences("." * 60_000)) == ["." * 60_000]
