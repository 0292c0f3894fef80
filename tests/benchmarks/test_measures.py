"""The measurements on tiny data: they run, and their figures are right."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest

from benchmarks import event_loop, latency, locomo, multilingual, relevance, reports
from benchmarks.__main__ import main
from benchmarks.conversations import Conversation, load
from benchmarks.cost import measure as measure_cost
from benchmarks.counting import counting
from benchmarks.machine import describe
from benchmarks.metrics import average, durations_ms, hit, percentile, recall, reciprocal_rank, score
from benchmarks.peers import OURS, worker
from mem0milvus import Memory
from tests.openai_server import OpenAIServer

TURNS = {
    "session_1": [
        ("D1:1", "Bea", "I bought a violin in Leeds."),
        ("D1:2", "Caro", "My parrot learned to whistle."),
        ("D1:3", "Bea", "What does it whistle?"),
    ],
    "session_2": [("D2:1", "Caro", "We went sailing near Split."), ("D2:2", "Bea", "I moved to a smaller flat.")],
}
QUESTIONS = [
    ("Where did Bea buy her violin?", 4, ["D1:1"]),
    ("Which animal can whistle?", 1, ["D1:2; D1:3"]),
    ("Did Bea go sailing?", 5, ["D2:1"]),
    ("What did nobody say?", 4, ["D9:9"]),
]


def sample(name: str) -> dict[str, Any]:
    talk: dict[str, Any] = {"speaker_a": "Bea", "speaker_b": "Caro", "session_1_date_time": "1:56 pm on 8 May, 2023"}
    for session, turns in TURNS.items():
        talk[session] = [{"dia_id": key, "speaker": speaker, "text": text} for key, speaker, text in turns]
    asked = [{"question": text, "category": category, "evidence": at} for text, category, at in QUESTIONS]
    return {"sample_id": name, "conversation": talk, "qa": asked}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "talks.json"
    path.write_text(json.dumps([sample("first"), sample("second")]))
    return path


@pytest.fixture
def talks(data: Path) -> list[Conversation]:
    return load(data)


def test_conversations_are_read_with_the_evidence_that_there_is(talks: list[Conversation]) -> None:
    first = talks[0]
    assert [session["name"] for session in first["sessions"]] == ["session_1", "session_2"]
    assert [session["time"] for session in first["sessions"]] == ["2023-05-08T13:56:00", None]
    assert [(question["category"], question["evidence"]) for question in first["questions"]] == [
        (4, ["D1:1"]),
        (1, ["D1:2", "D1:3"]),
        (5, ["D2:1"]),
    ]
    assert len(load(Path("talks.json"), 1)) == 1


def test_metrics_count_results_and_know_memories_of_several_turns() -> None:
    ranked = ["a", {"b", "c"}, "d"]
    assert recall(ranked, {"b", "c", "x"}, 2) == pytest.approx(2 / 3)
    assert recall(ranked, {"b"}, 1) == 0.0
    assert hit(ranked, {"c"}, 2) == 1.0
    assert hit(ranked, {"c"}, 1) == 0.0
    assert reciprocal_rank(ranked, {"d", "c"}) == 0.5
    assert reciprocal_rank(ranked, {"x"}) == 0.0
    assert score(ranked, {"a"}) == {"recall@5": 1.0, "recall@10": 1.0, "recall@20": 1.0, "hit@10": 1.0, "mrr": 1.0}
    assert average([{"mrr": 1.0}, {"mrr": 0.5}]) == {"mrr": 0.75, "questions": 2.0}
    assert average([]) == {"questions": 0.0}


def test_percentiles_are_those_of_numpy() -> None:
    import numpy as np

    values = [random.Random(1).random() for _ in range(37)]
    for percent in (0, 5, 50, 95, 100):
        assert percentile(values, percent) == pytest.approx(float(np.percentile(values, percent)))
    assert math.isnan(percentile([], 50))
    assert durations_ms([0.001, 0.003]) == {"p50": 2.0, "p95": pytest.approx(2.9), "calls": 2.0}


def test_locomo_finds_the_turns_that_hold_the_answer(talks: list[Conversation], config: dict[str, Any]) -> None:
    report = locomo.measure(talks, config)
    assert report["1-4"] == {"recall@5": 1.0, "recall@10": 1.0, "recall@20": 1.0, "hit@10": 1.0, "mrr": 1.0} | {
        "questions": 4.0
    }
    assert report["adversarial"]["questions"] == 2.0
    assert set(report) == {"1-4", "1-5", "multi-hop", "single-hop", "adversarial"}


def test_locomo_takes_the_options_of_search(talks: list[Conversation], config: dict[str, Any]) -> None:
    assert locomo.measure(talks, config, mode="lexical", preset="diverse")["1-4"]["recall@20"] > 0


def test_a_fact_stems_from_the_turns_that_made_it(
    talks: list[Conversation], config: dict[str, Any], server: OpenAIServer
) -> None:
    change = {"about": "Bea", "action": "ADD", "id": None, "happened_at": None}
    violin = {**change, "evidence": "I bought a violin in Leeds.", "memory": "Bea bought a violin in Leeds."}
    server.answers.extend([{"changes": [violin]}])
    config["llm"] = {"provider": "openai", "config": {"model": "m", "base_url": server.url, "api_key": "k"}}
    with Memory.from_config(config) as memory:
        sources = locomo.store_facts(memory, talks[0])
        [item] = memory.get_all(talks[0]["name"])["results"]
        assert sources == {item["id"]: {"D1:1"}}
        assert locomo.search(memory, sources, talks[0]["name"], "Who has a violin?") == [{"D1:1"}]
    assert len(server.chats) == 5


def test_multilingual_counts_only_the_first_place(tmp_path: Path, config: dict[str, Any]) -> None:
    path = tmp_path / "languages.jsonl"
    memories = [{"id": "1", "text": "My dog sleeps a lot."}, {"id": "2", "text": "I play chess on Mondays."}]
    questions = [{"q": "Who plays chess?", "answer": ["2"]}, {"q": "Does the dog sleep?", "answer": ["2"]}]
    path.write_text(json.dumps({"lang": "en", "memories": memories, "questions": questions}) + "\n")
    report = multilingual.measure(path, config)
    assert report["en"] == {"recall@1": 0.5, "recall@3": 1.0, "mrr": 0.75, "questions": 2.0}
    assert report["macro"] == report["en"]


def test_relevance_falls_as_the_threshold_rises(talks: list[Conversation], config: dict[str, Any]) -> None:
    report = relevance.measure(talks, config)
    kept = [point["right answers kept"] for point in report["curve"]]
    assert kept == sorted(kept, reverse=True)
    assert kept[0] > kept[-1]
    assert report["questions asked in the wrong place"] == 4
    assert relevance.Observed([0.2, 0.6], [0.1, 0.5]).at(0.4) == {
        "threshold": 0.4,
        "wrong conversations that bring something": 0.5,
        "right answers kept": 0.5,
    }


def test_latency_measures_each_operation_at_each_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "SETTLE_S", 0)
    monkeypatch.setenv("PYTHONPATH", str(Path(latency.__file__).parent.parent))
    report = latency.measure(tmp_path, sizes=(120,), calls=3)
    assert set(report) == {"120"}
    for rows in report.values():
        assert {"add", "search", "get_all", "get", "update", "history", "reopen"} <= set(rows)
        assert all(row["p50"] > 0 for name, row in rows.items() if "p50" in row)
        assert rows["search"]["bare_p50"] > 0
        assert rows["search"]["ratio"] > 0


def test_cost_counts_what_goes_to_the_server(talks: list[Conversation], server: OpenAIServer, tmp_path: Path) -> None:
    model = {"model": "m", "api_key": "k"}
    with counting(server.url) as proxy:
        config = {
            "vector_store": {"config": {"url": str(tmp_path / "cost.db"), "embedding_model_dims": 26}},
            "embedder": {"provider": "openai", "config": {**model, "base_url": proxy.base_url, "embedding_dims": 26}},
            "llm": {"provider": "openai", "config": {**model, "base_url": proxy.base_url}},
        }
        with Memory.from_config(config) as memory:
            rows = measure_cost(talks[0], 2, proxy, lambda _, said: len(memory.add(said, user_id="bea")["results"]))
    assert list(rows) == ["session 1", "session 2", "all (own_ms: median)"]
    assert rows["session 1"]["llm_calls"] == 1
    assert rows["session 1"]["messages"] == 3
    assert rows["session 1"]["prompt_tokens"] > 100
    assert rows["session 1"]["embedding_calls"] >= 1
    assert rows["all (own_ms: median)"]["llm_calls"] == 2
    assert len(server.chats) == 2


def test_the_event_loop_is_watched_while_many_adds_are_made(server: OpenAIServer, tmp_path: Path) -> None:
    rows = event_loop.measure(tmp_path, server.url, "m", "letters", 26, adds=3)
    assert list(rows) == ["round 1", "round 2", "round 3"]
    assert all(row["seconds"] > 0 and row["longest_gap_ms"] >= 0 for row in rows.values())
    assert sum("messages" in request for request in server.requests) == 9


def test_our_own_peer_is_measured_like_the_others(talks: list[Conversation], server: OpenAIServer) -> None:
    task = {"embedder_url": server.url, "model": "m", "dims": 26}
    found = worker.measure(OURS, {"do": "locomo", "conversations": talks, **task})
    assert found["1-4"]["questions"] == 4.0
    assert found["1-4"]["recall@20"] > 0
    times = worker.measure(OURS, {"do": "latency", "sizes": [4, 6], "calls": 2, "users": 2, **task})
    assert set(times) == {"4", "6"}
    assert times["6"]["search"]["calls"] == 2.0


def test_figures_become_a_table_and_a_file(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["locomo", "--data", str(data), "--conversations", "1", "--json", str(tmp_path / "out" / "locomo.json")])
    told = capsys.readouterr().out.splitlines()
    assert told[0].split() == ["categories", "recall@5", "recall@10", "recall@20", "hit@10", "mrr", "questions"]
    report = reports.read(tmp_path / "out" / "locomo.json")
    assert report["name"] == "locomo"
    assert report["settings"]["conversations"] == 1
    assert report["results"]["1-4"]["questions"] == 2.0
    assert set(describe()) == set(report["machine"])


def test_plots_are_drawn_of_what_was_kept(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    averages = {"recall@5": 0.5, "recall@10": 0.6, "mrr": 0.4}
    settings = {"model": "m", "embedder_url": "u"}
    point = {"threshold": 0.33, "right answers kept": 0.9, "wrong conversations that bring something": 0.2}
    kept: dict[str, Any] = {
        "peers": {OURS: {"1-4": averages}, "mem0": {"1-4": averages}},
        "locomo": {"1-4": averages},
        "latency": {"1,000": {"search": {"p50": 4.0, "bare_p50": 3.0}}},
        "peers-latency": {"mem0": {"1,000": {"search": {"p50": 9.0}}}},
        "relevance": {"curve": [point], "default": point},
    }
    for name, results in kept.items():
        asked = {**settings, "embedder_url": None} if name == "locomo" else settings
        reports.write({"name": name, "settings": asked, "results": results}, tmp_path / "in" / f"{name}.json")
    main(["plots", "--results", str(tmp_path / "in"), "--to", str(tmp_path / "images")])
    images = sorted((tmp_path / "images").iterdir())
    assert [image.name for image in images] == ["recall.png", "relevance.png", "search_latency.png"]
    assert all(image.read_bytes().startswith(b"\x89PNG") for image in images)


def test_tables_show_numbers_by_their_size() -> None:
    rows = {"a": {"x": 0.12345, "y": 1234.5}, "b": {"x": 12.34, "z": 3.0}}
    assert reports.table(rows, "name").splitlines() == [
        "name      x        y  z",
        "a     0.123  1,234.5  -",
        "b      12.3        -  3",
    ]
