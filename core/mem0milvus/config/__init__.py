"""The configuration: Mem0's dict, checked strictly. Only this module uses pydantic."""

from __future__ import annotations

import difflib
import os
import warnings
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic import ValidationError as PydanticError

from mem0milvus.config.secrets import Secrets
from mem0milvus.data.addresses import check_address
from mem0milvus.data.limits import MAX_PROMPT_BYTES
from mem0milvus.data.quoting import shortened, shown
from mem0milvus.errors import ConfigError
from mem0milvus.types import AssistantPolicy, Consistency

#: The default path of the store, in the working directory.
DEFAULT_URI = "./milvus.db"

#: Keys of a Mem0 configuration that have no effect here, with the reason.
UNUSED_KEYS: Mapping[str, str] = {
    "history_db_path": "the history lives in Milvus, with the memories",
    "graph_store": "there is no graph store",
    "custom_update_memory_prompt": "memories are extracted and reconciled in one step: use custom_instructions",
}

#: Keys of Mem0's ``reranker.config`` that have no effect here, with the reason.
UNUSED_RERANKER_KEYS: Mapping[str, str] = {
    "top_k": "top_k of a search is the number of results, and reranker.top_n that of the reranked ones",
    "return_documents": "the texts are known",
    "max_chunks_per_doc": "a memory is sent whole",
    "show_progress_bar": "nothing is printed",
    "normalize": "only the order of the scores counts",
}


def check_collection_name(name: str) -> str:
    """Check the name of a collection that was given outside the configuration.

    Raises:
        ConfigError: Milvus does not accept it.
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
            f"{shown(name)}: the name of a collection has ASCII letters, digits and underscores, begins with no digit, "
            "and has at most 200 characters"
        )
    return name


def _one_or_many(topics: object) -> object:
    return (topics,) if isinstance(topics, str) else () if topics is None else topics


#: Topics in the user's own words: a list of texts, or one text.
Topics = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_one_or_many)]


class VectorStoreConfig(_Section):
    """The connection to Milvus, and the collections of the memories.

    Attributes:
        uri: path of a Milvus Lite store (ends in ``.db``) or address of a server. Default: the
            environment variable ``MILVUS_URI``, else ``./milvus.db``.
        token: ``user:password`` or an API key. Default: the environment variable ``MILVUS_TOKEN``.
        db_name: database on the server.
        collection_name: collection of the memories; their history is stored in a second one, ``<name>_versions``.
        embedding_model_dims: length of the vectors; a number given as text is accepted. Default: that of the embedder.
        metric_type: metric by which vectors are compared; ``score`` is its value.
        consistency_level: consistency of reads. With ``Session``, a read sees every earlier write of this process.
        history_limit: closed versions of each memory that ``vacuum`` keeps. Default: all.
        timeout_s: timeout of one request, in seconds.
    """

    uri: Annotated[str, AfterValidator(check_address)] = Field(
        default_factory=lambda: os.environ.get("MILVUS_URI") or DEFAULT_URI,
        validation_alias=AliasChoices("uri", "url"),
        min_length=1,
        repr=False,  # may contain a password
        validate_default=True,
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


class OpenAIConfig(_Section):
    """The settings shared by all models behind OpenAI's API.

    Attributes:
        model: name of the model.
        api_key: the API key. Default: the environment variable ``OPENAI_API_KEY``.
        base_url: address of the API. Default: the environment variable
            ``OPENAI_BASE_URL``, else OpenAI's address.
        timeout_s: timeout of one request, in seconds.
        max_retries: repetitions of a request that was refused because of load (429) or failed in the server (5xx).
        max_connections: the most simultaneous requests of ``AsyncMemory``, per event loop.
    """

    model: str = Field(min_length=1)
    api_key: SecretStr | None = None
    # It may contain a password.
    base_url: str | None = Field(None, validation_alias=AliasChoices("base_url", "openai_base_url"), repr=False)
    timeout_s: float = Field(60.0, gt=0, validation_alias=AliasChoices("timeout_s", "timeout"))
    max_retries: int = Field(2, ge=0)
    max_connections: int = Field(16, ge=1)


class OpenAIEmbedderConfig(OpenAIConfig):
    """An embedding model with OpenAI's API, from OpenAI or from another server.

    Attributes:
        embedding_dims: length of the vectors. Default: ``embedding_model_dims``, else that of the model, if it is one
            of OpenAI's.
        batch_size: the most texts in one request.
    """

    model: str = Field("text-embedding-3-small", min_length=1)
    embedding_dims: int | None = Field(None, ge=1, le=32_768)
    batch_size: int = Field(256, ge=1, le=2048)


class LocalEmbedderConfig(_Section):
    """The embedder with a model inside this process, from the extra ``local``.

    Attributes:
        embedding_dims: length of the vectors, at least 512; zeros fill what is longer than the model's. Default:
            ``embedding_model_dims``, else 512.
    """

    embedding_dims: int | None = Field(None, ge=1, le=32_768)


class OfflineEmbedderConfig(_Section):
    """The embedder without a model: hashed words and parts of words.

    Attributes:
        embedding_dims: length of the vectors. Default: ``embedding_model_dims``, else 512.
    """

    embedding_dims: int | None = Field(None, ge=1, le=32_768)


class OpenAILLMConfig(OpenAIConfig):
    """A language model with OpenAI's API, from OpenAI or from another server.

    Attributes:
        temperature: sampling temperature. Default: that of the model.
        top_p: probability mass of nucleus sampling. Default: that of the model.
        max_tokens: the most tokens in one answer. Default: that of the model.
        reasoning_effort: effort of a reasoning model, as in ``low``. Default: that of the model.
    """

    model: str = Field("gpt-4.1-mini", min_length=1)
    temperature: float | None = Field(None, ge=0)
    top_p: float | None = Field(None, gt=0, le=1)
    max_tokens: int | None = Field(None, ge=1)
    reasoning_effort: str | None = None


class OfflineExtractorConfig(_Section):
    """Extraction without a language model, by rules. It has no settings."""


class HTTPRerankerConfig(_Section):
    """A reranker behind HTTP: a hosted one, or one of your own server.

    Attributes:
        model: name of the model. Default: ``rerank-v3.5`` of Cohere, ``jina-reranker-v2-base-multilingual`` of Jina,
            ``zerank-1`` of ZeroEntropy, else that of the server.
        api_key: the API key. Default: the environment variable ``COHERE_API_KEY``, ``JINA_API_KEY`` or
            ``ZERO_ENTROPY_API_KEY``; none for the other providers.
        base_url: address of the API, to which ``/rerank`` is added. Required for ``http`` and ``tei``.
        timeout_s: timeout of one request, in seconds; then the search keeps its own order.
        max_connections: the most simultaneous requests of ``AsyncMemory``, per event loop.
    """

    model: str | None = Field(None, min_length=1)
    api_key: SecretStr | None = None
    base_url: str | None = Field(None, min_length=1, repr=False)  # may contain a password
    timeout_s: float = Field(10.0, gt=0, validation_alias=AliasChoices("timeout_s", "timeout"))
    max_connections: int = Field(16, ge=1)


class CrossEncoderConfig(_Section):
    """A cross-encoder in this process, with the package sentence-transformers. The first search loads it.

    Attributes:
        model: name or path of the model. Default: ``cross-encoder/ms-marco-MiniLM-L-6-v2`` for
            ``sentence_transformer``, ``BAAI/bge-reranker-base`` for ``huggingface``.
        device: the device, as in ``cpu`` or ``cuda``. Default: chosen by the package.
        batch_size: the most texts at a time.
        max_length: the most tokens of a question and a memory together. Default: that of the model.
        api_key: token of Hugging Face, for a model that needs one.
    """

    model: str | None = Field(None, min_length=1)
    device: str | None = None
    batch_size: int = Field(32, ge=1)
    max_length: int | None = Field(None, ge=1)
    api_key: SecretStr | None = None


class BackgroundConfig(_Section):
    """Background adds.

    Attributes:
        default: whether ``add`` works in the background if the call does not say.
        durable: whether messages are first stored as pending memories, which survive a crash of the process, and
            extracted later.
        queue_size: the most unfinished adds; a further ``add`` waits until one has ended.
        on_error: function called with the ticket and the error of an add that failed.
    """

    default: bool = False
    durable: bool = False
    queue_size: int = Field(1_000, ge=1)
    on_error: Callable[[str, Exception], object] | None = Field(None, repr=False)


def _background(given: object) -> object:
    return {"default": given} if isinstance(given, bool) else given


class ProviderSection(_Section):
    """The name of a provider, and its settings."""

    provider: str = Field(min_length=1)
    config: dict[str, Any] = Field(default_factory=dict, repr=False)


class RerankerSection(_Section):
    """The reranker of searches.

    Attributes:
        provider: ``cohere``, ``jina``, ``zero_entropy``, ``http``, ``tei``, ``sentence_transformer``, ``huggingface``,
            or a registered name. Not needed with a ready object.
        config: settings of the provider.
        top_n: the most results of a search that are reranked.
    """

    provider: str | None = Field(None, min_length=1)
    config: Annotated[dict[str, Any], BeforeValidator(lambda given: {} if given is None else given)] = Field(
        default_factory=dict, repr=False
    )
    top_n: int = Field(30, ge=1, le=50)


class MemoryConfig(_Section):
    """The whole configuration.

    Attributes:
        vector_store: the store of the memories.
        embedder: the embedding model. Default: the one that filled the collection; for a new collection OpenAI if
            ``OPENAI_API_KEY`` is set, else ``local`` if it is installed, else ``offline``.
        llm: the language model that extracts memories from conversations. Default: OpenAI if ``OPENAI_API_KEY`` is set
            and ``embedder`` does not say ``offline``, else ``offline``, which extracts by rules.
        reranker: the reranker of searches. Default: none.
        custom_instructions: instructions for the language model, in addition to the built-in ones. ``add(prompt=…)``
            replaces them for one call.
        includes: topics to remember, in your own words; other topics are not remembered.
        excludes: topics never to remember, in your own words.
        assistant_statements: which statements of an assistant are remembered: those about a user or confirmed by a user
            (``about_user``), none (``never``), or all (``always``).
        related_memories: number of related memories that the language model is given.
        on_extraction_error: effect of a failing model on ``add``: ``raise`` raises the error; ``store_raw`` stores the
            messages as pending memories, to be extracted by ``process_pending``.
        background: settings of background adds; True or False sets its ``default`` alone.
        version: accepted for compatibility with Mem0; results always have the shape of ``v1.1``.
    """

    vector_store: VectorStoreSection = Field(default_factory=VectorStoreSection)
    embedder: ProviderSection | None = None
    llm: ProviderSection | None = None
    reranker: RerankerSection | None = None
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
    """Check a configuration and fill in the defaults.

    Warns, as ``UserWarning``, about keys of Mem0 that have no effect here.

    Raises:
        ConfigError: it has an unknown key (the message suggests a known one) or an invalid value.
    """
    if config is None:
        config = {}
    if not isinstance(config, Mapping):
        raise ConfigError(f"The configuration must be a dict, not {type(config).__name__}.")
    used = {key: value for key, value in config.items() if key not in UNUSED_KEYS}
    for key in config:
        if key in UNUSED_KEYS:
            # The fifth frame is the caller of Memory.from_config.
            warnings.warn(
                f"The configuration's {shown(key)} is not used: {UNUSED_KEYS[key]}.", UserWarning, stacklevel=5
            )
    return read_section(MemoryConfig, used, "")


def read_reranker_section(model: type[_SectionT], values: Mapping[str, Any]) -> _SectionT:
    """Check ``reranker.config``, as ``read_section`` does, and warn about keys of Mem0 that have no effect here."""
    for key, why in UNUSED_RERANKER_KEYS.items():
        if values.get(key) not in (None, False):
            # The eighth frame is that of load_config's warnings.
            warnings.warn(f"The configuration's 'reranker.config.{key}' is not used: {why}.", UserWarning, stacklevel=8)
    used = {key: value for key, value in values.items() if key not in UNUSED_RERANKER_KEYS}
    return read_section(model, used, "reranker.config")


def read_section(model: type[_SectionT], values: Mapping[str, Any], where: str) -> _SectionT:
    """Check one section of the configuration.

    Args:
        model: the model of the section.
        values: the values given.
        where: the path of the section, for messages, as in ``"embedder.config"``.

    Raises:
        ConfigError: there is an unknown key or an invalid value. Values that may be secret are not shown.
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
        meant = f" Did you mean {shown(close[0])}?" if close else ""
        return f"Unknown configuration key {shown(path)}.{meant} Known here: {', '.join(sorted(known))}."
    value = Secrets(problem["input"]).mask(repr(problem["input"]))
    got = "" if _is_secret(problem["loc"]) else f", got {shortened(value)}"
    return f"Configuration key {shown(path)}: {problem['msg']}{got}."


def _known_keys(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """The keys allowed at a path, with their aliases."""
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
