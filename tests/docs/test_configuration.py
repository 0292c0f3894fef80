"""The configuration reference is that of the code, and each configuration in the documentation can be read."""

from __future__ import annotations

import json
import re
import runpy

import pytest

from mem0milvus.config import load_config
from mem0milvus.models.providers import choose_embedder, choose_llm, choose_reranker
from tests.docs.test_readme import PAGES, ROOT

TOOL = runpy.run_path(str(ROOT / "tools" / "configuration_page.py"))

BLOCK = re.compile(r"^```json\n(.*?)^```", re.DOTALL | re.MULTILINE)

#: What tells a configuration from other JSON.
A_SECTION = re.compile(r'"(vector_store|embedder|llm|reranker)": \{\s*"(provider|config)"')

#: Providers of rerankers whose package the tests do not install.
NOT_INSTALLED = ("sentence_transformer", "huggingface")

CONFIGURATIONS = [
    (page.name, number, text)
    for page in PAGES
    for number, text in enumerate(BLOCK.findall(page.read_text()))
    if A_SECTION.search(text)
]


def test_the_reference_is_what_the_models_say() -> None:
    written = TOOL["PAGE"].read_text(encoding="utf-8")
    assert written == TOOL["page"](), "run python tools/configuration_page.py"


@pytest.mark.parametrize("model", [model for _, model in TOOL["SECTIONS"]])
def test_the_reference_has_every_key(model: type) -> None:
    for name in getattr(model, "model_fields", {}):
        assert re.search(rf"^\| `{name}`", TOOL["page"](), re.MULTILINE)


@pytest.mark.parametrize(
    ("page", "number", "text"), CONFIGURATIONS, ids=[f"{name}-{number}" for name, number, _ in CONFIGURATIONS]
)
def test_each_configuration_in_the_pages_can_be_read(
    page: str, number: int, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    config = load_config(json.loads(text))
    if config.embedder is not None:
        assert choose_embedder(config, None).identity
    if config.llm is not None:
        assert choose_llm(config, None) is not None or config.llm.provider == "offline"
    if config.reranker is not None and config.reranker.provider not in NOT_INSTALLED:
        assert choose_reranker(config, None) is not None
