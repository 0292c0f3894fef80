"""The timeline: what it knows of memories' lives, and what it draws."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from io import BytesIO
from typing import Any

import pytest

from mem0milvus import ConfigError, Memory, ValidationError
from mem0milvus.data.timestamps import FOREVER_US, to_us
from mem0milvus.operations import timeline
from mem0milvus.operations.memories.timeline import Life, Lives, Span
from mem0milvus.runtime.blocking_driver import run

DAY_US = 86_400_000_000
START_US = to_us(datetime(2026, 3, 1, tzinfo=timezone.utc))


def test_a_life_has_every_version_and_every_gap(config: dict[str, Any], move_clock: Callable[[float], None]) -> None:
    with Memory.from_config(config) as memory:
        memory.add("Plays tennis.", user_id="alice", infer=False, ids=["sport"])
        memory.update("sport", "Plays golf.")
        memory.delete("sport")
        memory.restore("sport", 1)
        memory.add("Keeps bees.", user_id="alice", infer=False, ids=["bees"])
        memory.delete("bees")
        memory.add("Erased.", user_id="alice", infer=False, ids=["gone"])
        memory.delete("gone", purge=True)
        memory.add("Of somebody else.", user_id="bob", infer=False)
        soon = datetime.now(timezone.utc) + timedelta(hours=1)
        memory.add("Soon over.", user_id="alice", infer=False, ids=["soon"], expires_at=soon)
        move_clock(3_601)
        lives = run(timeline(memory._ports, "alice"))
        changes = memory.history("sport")
    assert lives.whose == "alice"
    sport, bees, over = lives.lives
    assert [(span.memory, span.event) for span in sport.spans] == [
        ("Plays tennis.", "ADD"), ("Plays golf.", "UPDATE"), ("Plays tennis.", "RESTORE")
    ]  # fmt: skip
    first, second, third = sport.spans
    assert first.end_us == second.start_us < second.end_us < third.start_us
    assert third.end_us == FOREVER_US
    moments = [change["updated_at"] or change["created_at"] for change in changes]
    known = [first.start_us, second.start_us, second.end_us, third.start_us]
    assert known == [to_us(datetime.fromisoformat(moment)) for moment in moments]
    assert bees.end_us < FOREVER_US
    assert over.end_us == to_us(soon)


def test_both_faces_draw_a_figure(memory: Any) -> None:
    memory.add("I like tennis.", user_id="alice", infer=False)
    figure = memory.timeline("alice")
    picture = BytesIO()
    figure.savefig(picture, format="png")
    assert picture.getvalue().startswith(b"\x89PNG")
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert "matplotlib.pyplot" not in sys.modules
    with pytest.raises(ValidationError, match="limit must be a whole number from 1"):
        memory.timeline("alice", limit=0)


def life(name: str, *spans: tuple[str, str, int, int]) -> Life:
    return Life(
        name, tuple(Span(text, event, START_US + a * DAY_US, START_US + b * DAY_US) for text, event, a, b in spans)
    )  # type: ignore[arg-type]


def drawn(*lives: Life, lines: int = 24) -> Any:
    from mem0milvus.client.timeline_chart import draw_timeline

    figure = draw_timeline(Lives("alice", lives, START_US + 100 * DAY_US, lines))
    figure.savefig(BytesIO(), format="png")
    return figure


def forever(name: str, text: str, start: int) -> Life:
    return Life(name, (Span(text, "ADD", START_US + start * DAY_US, FOREVER_US),))


def words(figure: Any) -> str:
    import matplotlib.text

    return "\n".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))


class TestPicture:
    def test_it_says_what_happened(self) -> None:
        changed = life(
            "a", ("Costs $5 and $6.", "ADD", 0, 30), ("Costs $7.", "UPDATE", 30, 40), ("Back.", "RESTORE", 50, 60)
        )
        figure = drawn(changed, forever("b", "I keep bees.", 10))
        told = words(figure)
        assert "What was learnt, changed and forgotten: alice" in told
        assert "1 memory known, 1 forgotten" in told
        for counted in ("learnt 2", "changed 1", "forgotten 2", "brought back 1"):
            assert counted in told
        assert "Costs $5 and $6." in told
        lines, curve = figure.axes
        assert [label.get_text() for label in lines.get_yticklabels()] == ["Back.", "I keep bees."]
        (steps,) = curve.get_lines()
        assert list(steps.get_ydata()) == [0, 1, 2, 1, 2, 1, 1]

    def test_the_memories_that_changed_last_have_a_line(self) -> None:
        figure = drawn(*(forever(str(n), f"Memory {n}.", n) for n in range(30)), lines=5)
        assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
            f"Memory {n}." for n in range(25, 30)
        ]
        assert "The 5 that changed last have a line; all count in the curve" in words(figure)

    @pytest.mark.parametrize("text", ["x" * 500, "word " * 100, "喜欢吃饺子" * 20, "$x_{", "🐝"], ids=range(5))
    def test_any_text_fits_and_draws_without_a_warning(self, text: str) -> None:
        figure = drawn(forever("a", text, 0), life("b", (text, "ADD", 0, 50), (text, "UPDATE", 50, 60)))
        for label in figure.axes[0].get_yticklabels():
            assert len(label.get_text().splitlines()) <= 2
            assert label.get_window_extent().x0 >= 0

    def test_nothing_and_a_single_moment(self) -> None:
        assert "nothing is known yet" in words(drawn())
        assert drawn(forever("a", "Just now.", 0)).axes[0].get_yticklabels()[0].get_text() == "Just now."


def test_without_matplotlib_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, memory: Any) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ConfigError, match=r'pip install "mem0milvus\[plot\]"'):
        memory.timeline("alice")
