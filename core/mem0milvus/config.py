"""The configuration: Mem0's dict, read strictly. The only place that uses pydantic."""

from __future__ import annotations

import difflib
import os
import warnings
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic import ValidationError as PydanticError

from mem0milvus.data.limits import MAX_PROMPT_BYTES
from mem0milvus.errors import ConfigError
from mem0milvus.types import AssistantPolicy, Consistency

#: Where memories are kept when neither the configuration nor ``MILVUS_URI`` says: beside the running program.
DEFAULT_URI = "./milvus.db"

#: Keys of a Mem0 configuration that have no meaning here, and why.
UNUSED_KEYS: Mapping[str, str] = {
    "history_db_path": "the history lives in Milvus, beside the memories",
    "graph_store": "there is no graph store",
    "reranker": "results are ranked by the library itself",
    "custom_update_memory_prompt": "what to keep and what to change is decided in one step: use custom_instructions",
}


def check_collection_name(name: str) -> str:
    """A collection's name that was given beside the configuration.

    Raises:
        ConfigError: Milvus would not take it.
    """
    try:
        return _collection_name(name)
    except ValueError as error:
        raise ConfigError(f"collection_name={error}.") from None


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


_SectionT = TypeVar("_SectionT", bound=_Section)


def _collection_name(name: str) -> str:
    if not name or not name.isascii() or not name.replace("_", "a").isalnum() or name[0].isdigit() or len(name) > 200:
        raise ValueError(
            f"{name!r}: a collection's name has letters of ASCII, digits and underscores, begins with no digit, and "
            "has at most 200 characters"
        )
    return name


def _one_or_many(topics: object) -> object:
    return (topics,) if isinstance(topics, str) else () if topics is None else topics


#: Topics in plain words: a list of texts, or one text.
Topics = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_one_or_many)]


class VectorStoreConfig(_Section):
    """Where memories are kept.

    Attributes:
        uri: path of a Milvus Lite store (ends in ``.db``) or address of a server; also called ``url``. Left out, the
            environment variable ``MILVUS_URI``, else ``./milvus.db``.
        token: ``user:password`` or an API key; left out, ``MILVUS_TOKEN``.
        db_name: database on the server.
        collection_name: the memories; what they used to say is kept in a second one, ``<name>_versions``.
        embedding_model_dims: length of the vectors; a number as text is accepted.
        metric_type: how the distance of vectors is measured and given as ``score``.
        consistency_level: how fresh reads are. ``Session`` sees every write of this process.
        history_limit: how many past versions of a memory ``vacuum`` leaves; left out, all.
        timeout_s: seconds that one request may take.
    """

    uri: str = Field(
        default_factory=lambda: os.environ.get("MILVUS_URI") or DEFAULT_URI,
        validation_alias=AliasChoices("uri", "url"),
        min_length=1,
        repr=False,  # a password may stand in it
    )
    token: SecretStr | None = Field(
        default_factory=lambda: SecretStr(os.environ["MILVUS_TOKEN"]) if os.environ.get("MILVUS_TOKEN") else None
    )
    db_name: str = ""
    collection_name: Annotated[str, AfterValidator(_collection_name)] = Field("mem0milvus", min_length=1)
    embedding_model_dims: int | None = Field(None, ge=1, le=32_768)
    metric_type: Literal["L2", "COSINE", "IP"] = "L2"
    consistency_level: Consistency = "Session"
    history_limit: int | None = Field(None, ge=0)
    timeout_s: float = Field(30.0, gt=0, validation_alias=AliasChoices("timeout_s", "timeout"))


class VectorStoreSection(_Section):
    """The vector store: Milvus."""

    provider: Literal["milvus"] = "milvus"
    config: VectorStoreConfig = Field(default_factory=lambda: VectorStoreConfig())


class OpenAIEmbedderConfig(_Section):
    """An embedding model behind OpenAI's API, at OpenAI or anywhere else.

    Attributes:
        model: its name.
        api_key: left out, ``OPENAI_API_KEY``.
        base_url: address of the API, also called ``openai_base_url``; left out, ``OPENAI_BASE_URL``, else OpenAI's.
        embedding_dims: length of its vectors.
        batch_size: the most texts in one request.
        timeout_s: seconds that one request may take.
        max_retries: how often a request is repeated that was refused for load (429) or failed at the server (5xx).
        max_connections: how many requests ``AsyncMemory`` has under way at once.
    """

    model: str = Field("text-embedding-3-small", min_length=1)
    api_key: SecretStr | None = None
    base_url: str | None = Field(None, validation_alias=AliasChoices("base_url", "openai_base_url"))
    embedding_dims: int | None = Field(None, ge=1, le=32_768)
    batch_size: int = Field(256, ge=1, le=2048)
    timeout_s: float = Field(60.0, gt=0, validation_alias=AliasChoices("timeout_s", "timeout"))
    max_retries: int = Field(2, ge=0)
    max_connections: int = Field(16, ge=1)


class OfflineEmbedderConfig(_Section):
    """The embedder that needs no model: hashed words and parts of words.

    Attributes:
        embedding_dims: length of its vectors.
    """

    embedding_dims: int | None = Field(None, ge=1, le=32_768)


class OpenAILLMConfig(_Section):
    """A language model behind OpenAI's API, at OpenAI or anywhere else.

    Attributes:
        model: its name.
        api_key: left out, ``OPENAI_API_KEY``.
        base_url: address of the API, also called ``openai_base_url``; left out, ``OPENAI_BASE_URL``, else OpenAI's.
        temperature: left out, the model's own.
        top_p: left out, the model's own.
        max_tokens: the longest answer; left out, the model's own.
        reasoning_effort: for models that reason; left out, the model's own.
        timeout_s: seconds that one request may take.
        max_retries: how often a request is repeated that was refused for load (429) or failed at the server (5xx).
        max_connections: how many requests ``AsyncMemory`` has under way at once.
    """

    model: str = Field("gpt-4.1-mini", min_length=1)
    api_key: SecretStr | None = None
    base_url: str | None = Field(None, validation_alias=AliasChoices("base_url", "openai_base_url"))
    temperature: float | None = Field(None, ge=0)
    top_p: float | None = Field(None, gt=0, le=1)
    max_tokens: int | None = Field(None, ge=1)
    reasoning_effort: str | None = None
    timeout_s: float = Field(60.0, gt=0, validation_alias=AliasChoices("timeout_s", "timeout"))
    max_retries: int = Field(2, ge=0)
    max_connections: int = Field(16, ge=1)


class OfflineExtractorConfig(_Section):
    """The extraction that needs no model: rules. It has no settings."""


class BackgroundConfig(_Section):
    """Adds in the background.

    Attributes:
        default: whether ``add`` works in the background where it is not told.
        durable: whether what is to be extracted is first stored as pending memories, so that it survives the end of the
            process, however that comes.
        queue_size: how many adds may wait; one more waits for a place.
        on_error: called with the ticket and the error of an add that failed.
    """

    default: bool = False
    durable: bool = False
    queue_size: int = Field(1_000, ge=1)
    on_error: Callable[[str, Exception], object] | None = Field(None, repr=False)


def _background(given: object) -> object:
    return {"default": given} if isinstance(given, bool) else given


class ProviderSection(_Section):
    """A provider by name, with its own settings."""

    provider: str = Field(min_length=1)
    config: dict[str, Any] = Field(default_factory=dict, repr=False)


class MemoryConfig(_Section):
    """The whole configuration.

    Attributes:
        vector_store: where memories are kept.
        embedder: what turns text into vectors; left out, OpenAI where ``OPENAI_API_KEY`` is set, else ``offline``.
        llm: what finds in a conversation the things worth remembering; left out, OpenAI where ``OPENAI_API_KEY`` is set
            and the embedder is not ``offline``, else ``offline``: rules.
        custom_instructions: what the language model is told beside its own instructions; also called
            ``custom_fact_extraction_prompt`` and ``custom_prompt``. ``add(prompt=…)`` replaces it for one call.
        includes: topics in plain words; nothing else is remembered.
        excludes: topics in plain words that are never remembered.
        assistant_statements: whether what an assistant said is remembered: where it is about a user or a user agreed
            to it (``about_user``), ``never``, or ``always``.
        related_memories: how many known memories the language model is shown.
        on_extraction_error: what ``add`` does when a model fails: ``raise`` the error, or ``store_raw``: keep the
            messages as pending memories until ``process_pending``.
        background: how adds work in the background; True or False for its ``default`` alone.
        version: accepted as Mem0 has it; results always have the shape of ``v1.1``.
    """

    vector_store: VectorStoreSection = Field(default_factory=VectorStoreSection)
    embedder: ProviderSection | None = None
    llm: ProviderSection | None = None
    custom_instructions: Annotated[str, Field(max_length=MAX_PROMPT_BYTES)] = Field(
        "",
        validation_alias=AliasChoices("custom_instructions", "custom_fact_extraction_prompt", "custom_prompt"),
    )
    includes: Topics = ()
    excludes: Topics = ()
    assistant_statements: AssistantPolicy = "about_user"
    related_memories: int = Field(10, ge=0, le=100)
    on_extraction_error: Literal["raise", "store_raw"] = "raise"
    background: Annotated[BackgroundConfig, BeforeValidator(_background)] = Field(default_factory=BackgroundConfig)
    version: str = "v1.1"


def load_config(config: Mapping[str, Any] | None) -> MemoryConfig:
    """Read a configuration.

    Warns, as ``UserWarning``, about keys that Mem0 knows and that have no meaning here.

    Raises:
        ConfigError: an unknown key, with what was probably meant, or a value that cannot be used.
    """
    if config is None:
        config = {}
    if not isinstance(config, Mapping):
        raise ConfigError(f"The configuration must be a dict, not {type(config).__name__}.")
    used = {key: value for key, value in config.items() if key not in UNUSED_KEYS}
    for key in config:
        if key in UNUSED_KEYS:
            warnings.warn(f"The configuration's {key!r} is not used: {UNUSED_KEYS[key]}.", UserWarning, stacklevel=5)
    return read_section(MemoryConfig, used, "")


def read_section(model: type[_SectionT], values: Mapping[str, Any], where: str) -> _SectionT:
    """Read a part of the configuration.

    Args:
        model: what it must look like.
        values: what was given.
        where: the path of this part, for messages, as in ``"embedder.config"``.

    Raises:
        ConfigError: an unknown key or a value that cannot be used. The value itself is not shown: it may be a secret.
    """
    try:
        return model.model_validate(dict(values))
    except PydanticError as error:
        raise ConfigError("; ".join(_explain(model, problem, where) for problem in error.errors())) from None


def _explain(model: type[BaseModel], problem: Mapping[str, Any], where: str) -> str:
    path = ".".join([*([where] if where else []), *(str(part) for part in problem["loc"])])
    if problem["type"] == "extra_forbidden":
        known = _known_keys(model, problem["loc"][:-1])
        close = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1)
        meant = f" Did you mean {close[0]!r}?" if close else ""
        return f"Unknown configuration key {path!r}.{meant} Known here: {', '.join(sorted(known))}."
    shown = "" if _is_secret(problem["loc"]) else f", got {problem['input']!r}"
    return f"Configuration key {path!r}: {problem['msg']}{shown}."


def _known_keys(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """The keys that may stand at a path, with their other names."""
    for part in path:
        annotation = model.model_fields[str(part)].annotation
        choices = getattr(annotation, "__args__", (annotation,))
        model = next(c for c in choices if isinstance(c, type) and issubclass(c, BaseModel))
    known: list[str] = []
    for name, field in model.model_fields.items():
        alias = field.validation_alias
        known.extend(str(choice) for choice in alias.choices) if isinstance(alias, AliasChoices) else known.append(name)
    return known


def _is_secret(path: tuple[int | str, ...]) -> bool:
    return any(
        word in str(part).lower() for part in path for word in ("key", "token", "secret", "password", "uri", "url")
    )
