"""Write the configuration reference, ``docs/configuration.md``, from the models that read a configuration.

Run ``python tools/configuration_page.py`` after a change of ``core/mem0milvus/config``. A test compares the page with
the output of ``page``.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo

from mem0milvus import config

PAGE = Path(__file__).parents[1] / "docs" / "configuration.md"

#: The text around the tables.
TEMPLATE = Path(__file__).with_suffix(".template")

#: Each part of the configuration, under its heading.
SECTIONS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("Top level", config.MemoryConfig),
    ("`vector_store.config`", config.VectorStoreConfig),
    ("`embedder.config`, provider `openai`", config.OpenAIEmbedderConfig),
    ("`embedder.config`, provider `local`", config.LocalEmbedderConfig),
    ("`embedder.config`, provider `offline`", config.OfflineEmbedderConfig),
    ("`llm.config`, provider `openai`", config.OpenAILLMConfig),
    ("`llm.config`, provider `offline`", config.OfflineExtractorConfig),
    ("`reranker`", config.RerankerSection),
    ("`reranker.config`, providers `cohere`, `jina`, `zero_entropy`, `http`, `tei`", config.HTTPRerankerConfig),
    ("`reranker.config`, providers `sentence_transformer`, `huggingface`", config.CrossEncoderConfig),
    ("`background`", config.BackgroundConfig),
)


def page() -> str:
    """Return the page as Markdown."""
    sections = "".join(_section(heading, model) for heading, model in SECTIONS)
    keys = {**config.UNUSED_KEYS, **{f"reranker.config.{k}": why for k, why in config.UNUSED_RERANKER_KEYS.items()}}
    unused = "".join(f"| `{key}` | {why} |\n" for key, why in keys.items())
    template = TEMPLATE.read_text(encoding="utf-8")
    return template.replace("{{ sections }}", sections).replace("{{ unused }}", unused)


def _section(heading: str, model: type[BaseModel]) -> str:
    summary, told = _read_docstring(model)
    lines = [f"\n## {heading}\n\n{summary}\n"]
    if model.model_fields:
        lines.append("\n| key | type | default | |\n|---|---|---|---|\n")
        lines.extend(_row(name, field, told[name]) for name, field in model.model_fields.items())
    return "".join(lines)


def _row(name: str, field: FieldInfo, told: str) -> str:
    names = ", ".join(f"`{known}`" for known in (name, *_other_names(field)))
    cells = (names, _kind(field), _default(field), _code(told))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _read_docstring(model: type[BaseModel]) -> tuple[str, dict[str, str]]:
    """Return the summary of a model and the text of each of its attributes; base classes document some attributes."""
    attributes = "\n".join((inspect.getdoc(base) or "").partition("\nAttributes:\n")[2] for base in model.__mro__)
    summary = (inspect.getdoc(model) or "").partition("\nAttributes:\n")[0]
    found = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", attributes, re.MULTILINE)
    return _code(" ".join(summary.split())), {name: " ".join(text.split()) for name, text in found}


def _code(text: str) -> str:
    return text.replace("``", "`")


def _kind(field: FieldInfo) -> str:
    """Return the type in words, with its bounds."""
    *words, last = dict.fromkeys(_words(field.annotation))
    kind = f"{', '.join(words)} or {last}" if words else last
    bounds = " ".join(f"{sign} {bound:,}" for item in field.metadata for sign, bound in _bounds(item))
    return f"{kind}, {bounds}" if bounds else kind


def _bounds(item: Any) -> Iterator[tuple[str, float]]:
    for name, sign in (("ge", "from"), ("gt", "above"), ("le", "to"), ("lt", "below")):
        if (bound := getattr(item, name, None)) is not None:
            yield sign, bound


def _words(annotation: Any) -> Iterator[str]:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from _words(inner[0])
    elif origin is Literal:
        yield from (f"`{value}`" for value in inner)
    elif origin in (Union, types.UnionType):
        yield from (word for choice in inner if choice is not type(None) for word in _words(choice))
    elif origin is not None:
        yield {tuple: "list of texts", dict: "dict"}.get(origin, "function")
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield "dict"
    else:
        yield {"int": "whole number", "float": "number", "bool": "boolean"}.get(annotation.__name__, "text")


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None or field.default in (None, "", ()):
        return ""
    return f"`{field.default}`" if not isinstance(field.default, float) else f"`{field.default:g}`"


def _other_names(field: FieldInfo) -> list[str]:
    alias = field.validation_alias
    return [str(choice) for choice in alias.choices[1:]] if isinstance(alias, AliasChoices) else []


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
