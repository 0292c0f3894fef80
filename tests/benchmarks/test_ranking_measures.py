"""The measurements of ranking on tiny data: hand-computed figures, bare baselines, and the three commands."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from benchmarks import data_sets, evidence, natural, quality, reports
from benchmarks.__main__ import main
from benchmarks.baselines import BM25, by_cosine, tokens
from benchmarks.data_sets import Question, Session, Turn, User
from benchmarks.metrics import r_precision
from benchmarks.natural import Observed
from benchmarks.retrieval import MODES, TOP_K, WAYS, Found, rankers, store, stored
from mem0milvus import DEFAULT_INJECTION_THRESHOLD, Memory
from mem0milvus.retrieval import ranking
from mem0milvus.retrieval.ranking.calibration import sample_memories, sample_questions
from tests.openai_server import OpenAIServer

OFFLINE = {"provider": "offline"}

PERSONA = {
    "persona": "bea",
    "lang": "en",
    "memories": [
        {"id": "1", "text": "My parrot is called Rufus."},
        {"id": "2", "text": "I repair violins."},
        {"id": "3", "text": "My parrot is called Otto now."},
    ],
    "questions": [
        {"q": "Who repairs violins?", "answer": ["2"]},
        {"q": "zzz qqq", "answer": ["2"]},
        {"q": "Unanswered?", "answer": ["no such id"]},
    ],
    "offtopic": ["xyzzy plugh"],
    "contradictions": [{"older": "1", "newer": "3", "q": "Is the parrot called Otto now?"}],
}
GERMAN = {
    "persona": "cem",
    "lang": "de",
    "memories": [{"id": "1", "text": "Ich baue Drachen."}],
    "questions": [{"q": "Wer baut Drachen?", "answer": ["1"]}],
}
TALK = {
    "name": "dana",
    "sessions": [
        {
            "key": "s1",
            "when": "2024-03-05T10:00:00+00:00",
            "turns": [
                {"id": "t1", "role": "user", "name": "Dana", "text": "I bought a canoe in Oslo."},
                {"id": "t2", "role": "assistant", "text": "Which colour is the canoe?"},
            ],
        },
        {"key": "s2", "when": None, "turns": [{"id": "t3", "role": "user", "text": "My sister plays the harp."}]},
    ],
    "questions": [
        {"q": "Who plays the harp?", "kind": "simple", "evidence": ["t3"]},
        {"q": "Where did Dana buy the canoe?", "kind": "joint", "evidence": ["t1", "t2", "t9"]},
        {"q": "What did nobody say?", "kind": "simple", "evidence": ["t9"]},
    ],
}


def write_lines(path: Path, *lines: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture
def personas(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "personas" / "dev.jsonl", PERSONA, GERMAN)


@pytest.fixture
def talks(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "talks" / "dev.jsonl", TALK, {**TALK, "name": "eli"})


def test_r_precision_looks_at_as_many_results_as_there_are_right_ones() -> None:
    assert r_precision(["a", "x", "b"], {"a", "b"}) == 0.5
    assert r_precision(["x", "a"], {"a"}) == 0.0
    assert r_precision(["b", "a"], {"a", "b"}) == 1.0
    assert r_precision([], {"a", "b"}) == 0.0


def test_tokens_are_words_and_pairs_of_characters_where_words_are_not_separated() -> None:
    assert list(tokens("Straße 12, a_b")) == ["strasse", "12", "a_b"]
    assert list(tokens("我喜欢茶. ok茶")) == ["我喜", "喜欢", "欢茶", "ok", "茶"]
    assert list(tokens("カメラ")) == ["カメ", "メラ"]
    assert list(tokens("ที่นี่")) == ["ที", "ี่", "่น", "นี", "ี่"]


def test_bm25_follows_the_textbook() -> None:
    ranked = BM25({"short": "tea", "long": "tea and tea and milk", "other": "coffee or"}).rank("Tea, milk?")
    # Lengths 1, 5 and 2, mean 8/3; tea is in two of three texts, milk in one.
    tea, milk = math.log(1 + 1.5 / 2.5), math.log(1 + 2.5 / 1.5)
    short = tea * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 1 / (8 / 3)))
    norm = 1.2 * (0.25 + 0.75 * 5 / (8 / 3))
    long = tea * 2 * 2.2 / (2 + norm) + milk * 2.2 / (1 + norm)
    assert ranked == [("long", pytest.approx(long)), ("short", pytest.approx(short)), ("other", 0.0)]
    assert BM25({"b": "x", "a": "x"}).rank("nothing") == [("b", 0.0), ("a", 0.0)]
    assert BM25({}).rank("nothing") == []


def test_bare_embeddings_are_ordered_by_cosine() -> None:
    import numpy as np

    vectors = {"far": np.array([0.0, 1.0]), "near": np.array([1.0, 0.0]), "between": np.array([0.6, 0.8])}
    ranked = by_cosine(np.array([1.0, 0.0]), vectors)
    assert ranked == [("near", 1.0), ("between", pytest.approx(0.6)), ("far", 0.0)]
    assert by_cosine(np.array([1.0]), {}) == []


def found(*pairs: tuple[str, float | None]) -> list[Found]:
    return [Found(name, relevance) for name, relevance in pairs]


def test_figures_of_personas_are_those_computed_by_hand() -> None:
    seen = Observed(
        questions=[
            (found(("a", 0.9), ("b", 0.2)), {"a"}),
            (found(("a", 0.9), ("b", 0.2)), {"b"}),
            (found(*((f"x{n}", 0.1) for n in range(5)), ("c", 0.8)), {"c"}),
            ([], {"d"}),
        ],
        offtopic=[found(("a", 0.5), ("b", 0.1), ("c", 0.5)), found(("a", 0.1)), found(*(("a", 1.0),) * 6)],
        newer_first=[True, True, False],
    )
    assert seen.figures(0.5) == {
        "recall@1": 0.25,
        "recall@5": 0.5,
        "mrr": round((1 + 1 / 2 + 1 / 6) / 4, 4),
        "right shown": 0.25,  # the third is right and relevant, but the sixth
        "off-topic shown": round((2 + 0 + 5) / 3, 4),
        "off-topic any": round(2 / 3, 4),
        "newer first": round(2 / 3, 4),
        "questions": 4.0,
    }
    assert list(seen.figures(None)) == ["recall@1", "recall@5", "mrr", "newer first", "questions"]
    assert seen.at(0.2)["right shown"] == 0.5
    curve = seen.curve()
    assert [curve[0]["threshold"], curve[33]["threshold"], curve[-1]["threshold"]] == [0.0, 0.33, 1.0]
    assert curve[50] == seen.at(0.5)
    assert Observed(questions=[(found(("a", None)), {"a"})]).curve() == []
    assert Observed().figures(0.5) == {"right shown": 0.0, "off-topic shown": 0.0, "off-topic any": 0.0, "questions": 0}


def test_personas_are_read_with_answers_that_there_are(personas: Path) -> None:
    bea, cem = data_sets.read_natural(personas)
    assert [session.turns[0].id for session in bea.sessions] == ["1", "2", "3"]
    assert [question.text for question in bea.questions] == ["Who repairs violins?", "zzz qqq"]
    assert (bea.contradictions[0].older, bea.contradictions[0].newer) == ("1", "3")
    assert (cem.language, cem.offtopic, cem.contradictions) == ("de", (), [])
    assert [user.name for user in data_sets.read_natural(personas, 1)] == ["bea"]


def test_personas_who_say_something_else_first(personas: Path) -> None:
    plain, _ = data_sets.read_natural(personas)
    bea, cem = data_sets.read_natural_in_passing(personas)
    prompts = list(plain.offtopic)
    assert [one.text for one in bea.questions] == [
        f"{prompts[n % len(prompts)]}\n{one.text}" for n, one in enumerate(plain.questions)
    ]
    assert list(bea.offtopic) == [
        f"{one}\n{other}" for one, other in zip(prompts, [*prompts[1:], prompts[0]], strict=True)
    ]
    assert bea.questions[0].answers == plain.questions[0].answers
    assert cem == data_sets.read_natural(personas)[1], "a persona without such prompts is as it was"


def test_conversations_are_read_with_the_evidence_that_there_is(talks: Path) -> None:
    dana, eli = data_sets.read_conversations(talks)
    assert eli.name == "eli"
    assert dana.sessions[0].turns[0] == Turn("t1", "I bought a canoe in Oslo.", "user", "Dana")
    assert [(session.key, session.when) for session in dana.sessions] == [
        ("s1", "2024-03-05T10:00:00+00:00"),
        ("s2", None),
    ]
    assert [(asked.kind, sorted(asked.answers)) for asked in dana.questions] == [
        ("simple", ["t3"]),
        ("joint", ["t1", "t2"]),
    ]


def test_figures_of_evidence_are_averaged_by_kind() -> None:
    memories = [Turn(str(number), f"note {number}: {word}") for number, word in enumerate(("canoe", "harp", "kite"))]
    asked = [Question("harp?", "a", frozenset({"1"})), Question("canoe or kite?", "b", frozenset({"0", "2", "1"}))]
    report = evidence.measure([User("dana", [Session(memories)], asked)], OFFLINE, ["bm25"])["bm25"]["figures"]
    assert report["a"] == {"recall@1": 1, "recall@5": 1, "recall@10": 1, "mrr": 1, "r-precision": 1, "questions": 1}
    assert report["b"] == report["a"] | {"recall@1": 0.3333}
    assert report["all"] == report["a"] | {"recall@1": 0.6667, "questions": 2}
    assert evidence.score(["x", "y", "a", "z", "u", "b"], frozenset("ab")) == {
        "recall@1": 0.0,
        "recall@5": 0.5,
        "recall@10": 1.0,
        "mrr": pytest.approx(1 / 3),
        "r-precision": 0.0,
    }


def test_every_way_ranks_the_same_memories(talks: Path) -> None:
    users = data_sets.read_conversations(talks)
    with stored(users, OFFLINE) as everyone:
        assert [user.name for user, _ in everyone] == ["dana", "eli"]
        for _, rankers in everyone:
            assert tuple(rankers) == WAYS
            for way, rank in rankers.items():
                ranked = rank("Who plays the harp?")
                assert ranked[0].id == "t3", way
                assert len(ranked) <= TOP_K
                assert (ranked[0].relevance is None) == (way == "bm25")


def test_turns_are_stored_as_they_were_said(talks: Path, config: dict[str, Any]) -> None:
    dana = data_sets.read_conversations(talks, 1)[0]
    with Memory.from_config(config) as memory:
        kept = store(memory, dana)
        items = {kept.names[item["id"]]: item for item in memory.get_all("dana")["results"]}
    assert {name: item["memory"] for name, item in items.items()} == {
        turn.id: turn.text for session in dana.sessions for turn in session.turns
    }
    assert [items[name].get("role") for name in ("t1", "t2", "t3")] == ["user", "assistant", "user"]
    assert [items[name].get("actor_id") for name in ("t1", "t2", "t3")] == ["Dana", None, None]
    assert [items[name].get("run_id") for name in ("t1", "t2", "t3")] == ["s1", "s1", "s2"]
    assert items["t1"]["observed_at"].startswith("2024-03-05T10:00:00")
    assert items["t3"]["observed_at"] == items["t3"]["created_at"]


def test_modes_are_those_of_search(talks: Path, config: dict[str, Any]) -> None:
    dana = data_sets.read_conversations(talks, 1)[0]
    asked = "Where did Dana buy her canoe?"
    seen = []
    with Memory.from_config(config) as memory:
        kept = store(memory, dana)
        for mode, rank in rankers(memory, dana, kept, MODES).items():
            items = memory.search(asked, user_id="dana", mode=mode, top_k=20, explain=True)["results"]
            seen.append([(kept.names[item["id"]], item["relevance"]) for item in items])
            assert [(one.id, one.relevance) for one in rank(asked)] == seen[-1]
    assert seen[0] != seen[1] != seen[2]


def test_each_text_is_embedded_once(talks: Path, server: OpenAIServer) -> None:
    model = {"base_url": server.url, "api_key": "k", "model": "letters", "embedding_dims": 26}
    users = data_sets.read_conversations(talks, 1)
    with stored(users, {"provider": "openai", "config": model}) as [(_, rankers)]:
        for rank in rankers.values():
            rank("Who plays the harp?")
    samples = {*sample_memories(), *sample_questions()}  # the first search calibrates the model
    embedded = [text for request in server.requests for text in request["input"] if text not in samples]
    assert sorted(embedded) == [
        "Dana: I bought a canoe in Oslo.",
        "My sister plays the harp.",
        "Which colour is the canoe?",
        "Who plays the harp?",
    ]


def test_personas_become_a_table_a_file_and_a_plot(
    personas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    drawn, saved = tmp_path / "shown.png", tmp_path / "in" / "natural.json"
    main(["natural", "--data", str(personas), "--plot", str(drawn), "--json", str(saved)])
    lines = capsys.readouterr().out.splitlines()
    assert " ".join(lines[0].split()) == (
        "embedder ranking recall@1 recall@5 mrr right shown off-topic shown off-topic any newer first questions"
    )
    assert lines[2].split()[:3] == ["all", "offline", "hybrid"]
    assert [line.split()[0] for line in lines if line and not line.startswith(" ")] == ["all", "en", "de", str(drawn)]
    offline = reports.read(saved)["results"]["offline"]
    assert set(offline) == set(WAYS)
    assert offline["hybrid"]["figures"]["all"]["questions"] == 3
    assert offline["hybrid"]["figures"]["de"]["recall@1"] == 1.0
    assert offline["hybrid"]["figures"]["en"]["off-topic any"] == 0.0
    assert offline["hybrid"]["default"] == DEFAULT_INJECTION_THRESHOLD
    assert offline["bm25"]["figures"]["en"]["newer first"] == 1.0
    assert offline["bm25"]["curve"] == []
    assert len(offline["bare-dense"]["curve"]) == len(natural.THRESHOLDS)
    main(["plots", "--results", str(saved.parent), "--to", str(tmp_path / "images")])
    assert (tmp_path / "images" / "shown.png").read_bytes() == drawn.read_bytes()
    assert drawn.read_bytes().startswith(b"\x89PNG")


def test_conversations_become_a_table_with_their_kinds(talks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--mode", "hybrid", "--mode", "bm25", "--limit", "1"]
    main(["evidence", "--data", str(talks), "--data", f"again={talks}", *options])
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert " ".join(rows[0]) == "kind embedder ranking recall@1 recall@5 recall@10 mrr r-precision questions"
    assert rows[2][:4] == ["talks/dev", "all", "offline", "hybrid"]
    assert rows[3] == ["BM25", *rows[2][4:]]
    assert [row[0] for row in rows[4:6]] == ["joint", "simple"]
    assert rows[7][:2] == ["again", "all"]
    assert len(rows) == 11


def test_all_sets_are_shown_side_by_side(
    personas: Path, talks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    language = {name: GERMAN[name] for name in ("lang", "memories", "questions")}
    languages = write_lines(tmp_path / "languages.jsonl", language)
    utterance = {"dia_id": "D1:1", "speaker": "Bea", "text": "I bought a violin."}
    talk = {"speaker_a": "Bea", "speaker_b": "Caro", "session_1_date_time": "1:56 pm on 8 May, 2023"}
    asked = [{"question": "Who bought a violin?", "category": category, "evidence": ["D1:1"]} for category in (4, 5)]
    locomo = tmp_path / "locomo.json"
    locomo.write_text(
        json.dumps([{"sample_id": "one", "conversation": {**talk, "session_1": [utterance]}, "qa": asked}])
    )
    files = ["--natural", str(personas), "--multilingual", str(languages), "--locomo", str(locomo)]
    saved = tmp_path / "quality.json"
    main(["quality", *files, "--evidence", f"talks={talks}", "--embedder", "offline", "--json", str(saved)])
    figures, gains = capsys.readouterr().out.split("\n\n")[:2]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in figures.splitlines()]
    assert rows[0][2:] == [
        "natural: recall@1 / recall@5 / MRR",
        "natural: right / off-topic shown",
        "multilingual: recall@1 / MRR",
        "LoCoMo: recall@5 / recall@10 / MRR",
        "talks: recall@5 / recall@10 / MRR / R-precision",
    ]
    assert [row[1] for row in rows[2:]] == ["hybrid", "dense", "lexical", "bare dense", "BM25"]
    assert rows[-1][3:6] == ["– / –", "1.000 / 1.000", "1.000 / 1.000 / 1.000"]
    assert len({len(line) for line in figures.splitlines()}) == 1
    assert gains.splitlines()[2].split("|")[4].strip() == "+.000 / +.000 / +.000"
    report = reports.read(saved)
    assert report["results"]["LoCoMo"]["offline"]["hybrid"]["figures"]["all"]["questions"] == 1
    assert report["settings"]["evidence"] == [["talks", str(talks)]]


def test_hybrid_is_held_against_the_better_part_and_languages_count_alike() -> None:
    def way(*values: float) -> dict[str, Any]:
        return {"figures": {"all": dict(zip(("recall@1", "recall@5", "mrr"), values, strict=True))}}

    ways = {"hybrid": way(0.5, 0.6, 1.0), "dense": way(0.4, 0.7, 0.0), "lexical": way(0.45, 0.2, 0.0)}
    assert quality.comparison({"set": {"e": ways}}).splitlines()[2].split("|")[2].strip() == "+.050 / -.100 / +1.000"
    assert quality.comparison({"set": {"e": {"hybrid": way(1, 1, 1)}}}) == ""
    users = [
        User("a", [Session([Turn("1", "kite")])], [Question("kite", "a", frozenset("1"))] * 3, "a"),
        User("b", [Session([Turn("1", "x"), Turn("2", "kite")])], [Question("kite", "b", frozenset("1"))], "b"),
    ]
    everything = quality.measure("multilingual", users, OFFLINE, ["bm25"])["bm25"]["figures"]["all"]
    assert everything["recall@1"] == 0.5
    assert everything["mrr"] == 0.75
    assert everything["questions"] == 4


def test_servers_are_compared_with_built_in_embedders(
    talks: Path, server: OpenAIServer, capsys: pytest.CaptureFixture[str]
) -> None:
    url = ["--embedder-url", server.url, "--embedder-model", "letters", "--dims", "26"]
    main(["evidence", "--data", str(talks), "--embedder", "offline", *url, "--mode", "dense"])
    told = capsys.readouterr()
    assert "letters   dense" in told.out
    assert told.err == "measuring talks/dev with offline\nmeasuring talks/dev with letters\n"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--embedder-url", "http://127.0.0.1:9/v1"], "needs one --embedder-model and one --dims"),
        (["--embedder", "offline", "--embedder", "offline"], "named twice: offline, offline"),
        (["--evidence", "a=x", "--evidence", "a=y"], "one name: a, a. Name them: NAME=FILE"),
        (["--plot", "x.png"], "add --natural FILE"),
        (["--plot", "x.png", "--natural", "x", "--mode", "bm25"], "one of hybrid, dense, lexical"),
        ([], "name a file, such as --natural FILE"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: list[str], reason: str, tmp_path: Path) -> None:
    given = options if "named twice" not in reason and "dims" not in reason else [*options, "--evidence", "missing"]
    with pytest.raises(SystemExit, match=reason):
        main(["quality", *given])


def test_names_are_left_out_where_they_repeat() -> None:
    rows = [(("x", "a"), {"v": 0.5}), (("x", "b"), {"v": 0.25}), (("y", "b"), {"v": 1.0}), (("z", "b"), {})]
    assert reports.sections(("", "name"), rows).splitlines() == [
        "   name      v",
        "",
        "x  a     0.500",
        "   b     0.250",
        "",
        "y  b     1.000",
        "z  b         -",
    ]
    assert reports.markdown(["a", "long"], [["1", "2"]]).splitlines() == [
        "| a   | long |",
        "| --- | ---- |",
        "| 1   | 2    |",
    ]


def test_a_weight_is_another_while_data_is_measured_and_then_as_before(personas: Path) -> None:
    before = ranking.PRESETS
    given = ["natural", "--data", str(personas), "--mode", "hybrid", "--limit", "1", "--weight"]
    seen: list[float] = []
    measured = quality.measure

    def measure(*given: Any) -> dict[str, Any]:
        seen.append(ranking.PRESETS["balanced"].similarity)
        return measured(*given)

    with patch.object(quality, "measure", measure):
        main([*given, "similarity=0.5"])
    assert seen == [0.5]
    assert ranking.PRESETS is before
    for wrong in ("nothing=1", "similarity=much", "before=1", "similarity"):
        with pytest.raises(SystemExit):
            main([*given, wrong])
