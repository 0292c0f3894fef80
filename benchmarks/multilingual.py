"""Retrieval in many languages: for each question, is the one memory that answers it ranked first?

The data is JSON Lines, one object per language: ``{"lang", "memories": [{"id", "text"}], "questions": [{"q", "answer":
[id]}]}``. Each language's memories belong to one user; the language is not passed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.metrics import average, hit, reciprocal_rank
from mem0milvus import Memory

TOP_K = 20


def measure(data: Path, config: Mapping[str, Any], **options: Any) -> dict[str, dict[str, float]]:
    """Return figures by language, and their mean over languages as ``macro``."""
    report: dict[str, dict[str, float]] = {}
    with Memory.from_config(config) as memory:
        for line in data.read_text(encoding="utf-8").splitlines():
            language = json.loads(line)
            report[language["lang"]] = _language(memory, language, options)
    names = ("recall@1", "recall@3", "mrr")
    macro = {name: round(sum(one[name] for one in report.values()) / len(report), 4) for name in names}
    return {**report, "macro": {**macro, "questions": sum(one["questions"] for one in report.values())}}


def _language(memory: Memory, language: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, float]:
    user = language["lang"]
    texts = [{"role": "user", "content": one["text"]} for one in language["memories"]]
    added = memory.add(texts, user_id=user, infer=False)["results"]
    name_of = {change["id"]: one["id"] for change, one in zip(added, language["memories"], strict=True)}
    scores = []
    for question in language["questions"]:
        found = memory.search(question["q"], user_id=user, top_k=TOP_K, **options)["results"]
        ranked, answer = [name_of[item["id"]] for item in found], question["answer"]
        scores.append(
            {
                "recall@1": hit(ranked, answer, 1),
                "recall@3": hit(ranked, answer, 3),
                "mrr": reciprocal_rank(ranked, answer),
            }
        )
    return average(scores)
