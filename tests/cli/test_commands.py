"""Daily work: remembering, finding, changing and forgetting from a shell."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.commands import as_json, refused, row, run, succeed


class TestAdd:
    def test_a_new_store_is_told_of_and_the_memory_comes_back(self) -> None:
        result = run("add", "I like tennis.", "--user", "alice", "-m", "category=hobbies", "-m", "level=3")
        assert result.exit_code == 0
        assert result.stderr == "There was no store in ./milvus.db; it was created.\n"
        assert re.search(r"^ADD +[0-9a-f]{8} +I like tennis\.$", result.stdout, re.MULTILINE)
        assert run("add", "I like chess.", "-u", "alice").stderr == ""
        other = run("add", "I like chess.", "-u", "alice", "--collection", "other")
        assert other.stderr == "There was no collection 'other' in ./milvus.db; it was created.\n"
        item = as_json("list")["results"][0]
        assert (item["memory"], item["user_id"]) == ("I like tennis.", "alice")
        assert item["metadata"] == {"category": "hobbies", "level": 3}

    def test_standard_input_and_an_id_that_makes_a_retry_safe(self, store: Path) -> None:
        moments = ("--timestamp", "2024-05-06", "--expires", "2999-01-01")
        arguments = ("add", "-", "-u", "bob", "--id", "chess", "--no-infer", *moments)
        assert as_json(*arguments, typed="I play\nchess.\n")["results"][0]["memory"] == "I play\nchess."
        succeed(*arguments, typed="I play\nchess.\n")
        item = as_json("show", "chess")
        assert item["version"] == 1
        assert item["observed_at"].startswith("2024-05-06")
        assert item["expires_at"].startswith("2999-01-01")

    def test_a_conversation_is_read_from_a_file_or_standard_input(self, store: Path) -> None:
        messages = [{"role": "user", "content": "I own a boat."}, {"role": "user", "content": "It is blue."}]
        Path("chat.json").write_text(json.dumps({"messages": messages}))
        added = as_json("add", "--messages", "chat.json", "-u", "carol", "--no-infer")
        assert [change["memory"] for change in added["results"]] == ["I own a boat.", "It is blue."]
        again = as_json("add", "--messages", "-", "-u", "dave", "--no-infer", typed=json.dumps(messages))
        assert len(again["results"]) == 2

    def test_nothing_worth_remembering_is_said_so(self, store: Path) -> None:
        result = run("add", "ok", "-u", "alice")
        assert (result.exit_code, result.stdout) == (0, "")
        assert "Nothing was worth remembering" in result.stderr


class TestFind:
    def test_search_shows_the_best_first_and_how_to_read_the_numbers(self, store: Path) -> None:
        result = run("search", "When is the algebra exam?", "-u", "alice", columns=120)
        assert result.exit_code == 0
        found = [line.split()[0] for line in result.stdout.splitlines()[2:]]
        assert found[0] == "exam"
        assert set(found) == {"exam", "tennis", "fish"}
        assert "score: L2, smaller is closer." in result.stderr
        assert "No memory reaches" not in result.stderr
        hopeless = run("search", "Quantum chromodynamics?", "-u", "alice", "--explain")
        assert "No memory reaches a relevance of" in hopeless.stderr
        assert "coverage" in hopeless.stdout

    def test_options_reach_the_search(self, store: Path) -> None:
        options = ("--top-k", "1", "--mode", "lexical", "--filter", "about=tennis")
        (item,) = as_json("search", "golf", "-u", "alice", *options)["results"]
        assert item["id"] == "tennis"
        assert as_json("search", "golf", "-u", "alice", "--threshold", "0.9")["results"] != []
        assert as_json("search", "quantum", "-u", "alice", "--threshold", "0.9")["results"] == []
        assert as_json("search", "golf", "-u", "alice", "--as-of", "2020-01-01")["results"] == []
        both = as_json("search", "golf", "-u", "alice", "-f", '{"about": {"in": ["fish", "exam"]}}', "-f", "version=1")
        assert {item["id"] for item in both["results"]} == {"fish", "exam"}

    def test_the_user_may_stand_in_the_environment(self, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MEM0MILVUS_USER", "bob")
        assert [item["id"] for item in as_json("search", "bees")["results"]] == ["bees"]
        assert len(as_json("list")["results"]) == 4  # what lists and what deletes is told whose, or means everybody's
        refused(2, "delete takes ids, or a scope", "delete", "--yes")

    def test_list_shows_columns_that_tell_something(self, store: Path) -> None:
        everybody = succeed("list", columns=120)
        assert everybody.splitlines()[0].split() == [
            "id",
            "memory",
            "user",
            "agent",
            "run",
            "metadata",
            "stored",
            "version",
        ]
        assert re.fullmatch(r"bees +I keep bees\. +bob +helper +monday +\d{4}-\d\d-\d\d +1", row(everybody, "bees"))
        alices = succeed("list", "-u", "alice")
        assert alices.splitlines()[0].split() == ["id", "memory", "metadata", "stored", "version"]
        assert max(len(line) for line in alices.splitlines()) <= 80
        assert succeed("list", "-u", "nobody") == "(none)\n"

    def test_list_goes_on_where_it_stopped(self, store: Path) -> None:
        first = run("list", "-k", "3", "--json")
        assert [item["id"] for item in json.loads(first.stdout)["results"]] == ["tennis", "exam", "fish"]
        assert "--offset 3 shows the next" in run("list", "-k", "3").stderr
        rest = run("list", "-k", "3", "--offset", "3")
        assert row(rest.stdout, "bees")
        assert rest.stderr == ""

    def test_show_has_all_fields_and_takes_the_beginning_of_an_id(self, store: Path) -> None:
        shown = succeed("show", "ten")
        assert re.search(r"^memory +I like to play golf on Sundays\.$", shown, re.MULTILINE)
        assert re.search(r"^metadata +about=tennis$", shown, re.MULTILINE)
        refused(2, "'b' is the beginning of 2 ids: bees, bus.", "show", "b")
        refused(3, "No memory has an id that begins with 'nope'.", "show", "nope")
        refused(3, "was deleted or has expired. Its history: mem0milvus history bus", "show", "bus")


class TestChange:
    def test_update_history_and_restore(self, store: Path) -> None:
        assert "Changed fish." in succeed("update", "fish", "-", "-m", "sure=true", typed="I eat fish now.")
        assert as_json("show", "fish")["metadata"] == {"about": "fish", "sure": True}
        assert [entry["event"] for entry in as_json("history", "fish")] == ["ADD", "UPDATE"]
        assert succeed("restore", "fish") == "Restored version 1 of fish: I do not eat fish.\n"
        assert as_json("restore", "fish", "2")["memory"] == "I eat fish now."
        history = succeed("history", "fish")
        assert [line.split()[1] for line in history.splitlines() if re.match(r" +\d ", line)] == [
            "ADD", "UPDATE", "RESTORE", "RESTORE"
        ]  # fmt: skip
        refused(3, "has no version 9; its latest is 4", "restore", "fish", "9")
        refused(2, "has no earlier version", "restore", "exam")

    def test_a_deleted_memory_has_a_history_and_comes_back(self, store: Path) -> None:
        result = run("history", "bus")
        assert "DELETE" in result.stdout
        assert "To restore it: mem0milvus restore bus" in result.stderr
        assert succeed("restore", "bus") == "Restored version 1 of bus: I drive a bus.\n"

    def test_delete_takes_ids_and_says_how_to_undo(self, store: Path) -> None:
        assert succeed("delete", "exam", "--yes") == "Deleted 1 memory. To restore it: mem0milvus restore exam\n"
        assert as_json("delete", "tennis", "fish", "--purge", "--yes")["deleted"] == 2
        refused(3, "begins with 'fish'", "history", "fish")

    def test_delete_takes_a_scope_and_leaves_the_others(self, store: Path) -> None:
        assert as_json("delete", "-u", "alice", "-y") == {"message": "3 memories deleted successfully!", "deleted": 3}
        assert [item["id"] for item in as_json("list")["results"]] == ["bees"]
        assert succeed("delete", "-u", "alice", "-y") == "Deleted 0 memories.\n"

    def test_without_an_answer_nothing_is_deleted(self, store: Path) -> None:
        result = run("delete", "-u", "alice")
        assert result.exit_code == 2
        assert "I do not eat fish." in result.stderr
        assert "Delete 3 memories of user 'alice'? Not a terminal; pass --yes" in result.stderr
        assert len(as_json("list")["results"]) == 4
        refused(3, "There are no memories of user 'zoe'.", "delete", "-u", "zoe")

    def test_vacuum_and_process_pending_say_what_they_did(self, store: Path) -> None:
        Path("short.json").write_text('{"vector_store": {"config": {"history_limit": 0}}}')
        assert succeed("vacuum", "--config", "short.json") == "Erased 0 expired memories and 2 old versions.\n"
        assert succeed("process-pending") == "Extracted 0 turns; 0 failed again.\n"


def test_stats_count_what_is_there(store: Path) -> None:
    told = as_json("stats")
    expected = {"memories": 4, "users": 2, "agents": 1, "runs": 1, "deleted": 1, "past_versions": 2, "dimensions": 512}
    assert {key: told[key] for key in expected} == expected
    assert told["memories_by_user"] == {"alice": 3, "bob": 1}
    assert told["first_stored"] < told["last_changed"]
    assert re.search(r"^alice +3$", succeed("stats"), re.MULTILINE)


def test_timeline_draws_a_picture(store: Path) -> None:
    assert succeed("timeline", "alice.png", "-u", "alice") == "Drawn: alice.png\n"
    assert Path("alice.png").read_bytes().startswith(b"\x89PNG")
    refused(2, "a picture's name ends in .png, .svg, .pdf", "timeline", "alice.gif")


def test_hostile_text_cannot_steer_the_terminal(store: Path) -> None:
    succeed("add", "[bold]x[/bold] \x1b[31mred\x07", "-u", "eve\u202e", "--no-infer")
    shown = succeed("list", columns=120)
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "\u202e" not in shown
    assert "[bold]x[/bold]" in shown
