"""Creating, checking and loading collections, so that they can be written and read."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mem0milvus.errors import StoreError
from mem0milvus.milvus.capabilities import Capabilities
from mem0milvus.milvus.error_translation import translated
from mem0milvus.milvus.schema import Identity, Layout, build_indexes, build_schema, check_properties

if TYPE_CHECKING:
    from pymilvus import MilvusClient

logger = logging.getLogger(__name__)

#: Seconds to load a collection. A server reads all of it from its object storage.
_LOAD_TIMEOUT_S = 600.0


@dataclass(frozen=True, slots=True)
class CollectionSetup:
    """Opens collections for rows with vectors of this identity. ``uri`` is for messages."""

    client: MilvusClient
    identity: Identity
    can: Capabilities
    uri: str
    timeout_s: float

    def run(self, layouts: Mapping[str, Layout[Any]]) -> set[str]:
        """Create the collections that are missing, in this order, check the others, and load all.

        Return the names of those with a column for lexical weights. Raises ``StoreError`` or one of its subclasses.
        """
        with_words = {name for name, layout in layouts.items() if self._open(name, layout)}
        if not self.can.lite and len(layouts) > 1:
            # A server needs two seconds for one collection, and no more for several at once. With _async, pymilvus (2.6
            # and 3.0) only sends the request, and does not wait until the collection is loaded.
            for name in layouts:
                with translated(f"load {name!r}", self.uri):
                    self.client.load_collection(name, timeout=self.timeout_s, _async=True)
        for name in layouts:  # again, to wait for the end of the loading
            self._load(name, words=name in with_words)
        return with_words

    def _open(self, name: str, layout: Layout[Any]) -> bool:
        """Create or check a collection. Return whether it has a column for lexical weights."""
        with translated(f"open {name!r}", self.uri):
            if not self.client.has_collection(name, timeout=self.timeout_s):
                self._create(name, layout)
            description = self.client.describe_collection(name, timeout=self.timeout_s)
        check_properties(name, description.get("properties", {}), self.identity, layout)
        words = any(field["name"] == "words" for field in description["fields"])
        if self.can.words and not words:
            logger.warning(
                "%r at %s was created by a Milvus without sparse vectors and has no column for words: it is searched "
                "by embeddings alone. A new collection has one.",
                name,
                self.uri,
            )
        with translated(f"open {name!r}", self.uri):
            self._index(name, words=words)
        return words

    def _create(self, name: str, layout: Layout[Any]) -> None:
        from pymilvus.exceptions import MilvusException

        try:
            self.client.create_collection(
                name,
                schema=build_schema(self.client, self.identity.dims, self.can, layout),
                properties=self.identity.as_properties(layout),
                consistency_level="Session",
                timeout=self.timeout_s,
            )
        except MilvusException:
            if not self.client.has_collection(name, timeout=self.timeout_s):  # else another process has just created it
                raise

    def _index(self, name: str, *, words: bool) -> None:
        """Create the indexes that are missing, as after an interrupted creation of the collection."""
        for index in build_indexes(self.client, self.identity.metric, self.can, words=words):
            if not self.client.list_indexes(name, index.field_name, timeout=self.timeout_s):
                one = self.client.prepare_index_params(index.field_name, **index.get_index_configs())
                # load_collection waits for the index; pymilvus 3.0 would wait here by polling every half second.
                self.client.create_index(name, one, timeout=self.timeout_s, sync=False)

    def _load(self, name: str, *, words: bool) -> None:
        try:
            with translated(f"load {name!r}", self.uri):
                self.client.load_collection(name, timeout=_LOAD_TIMEOUT_S)
        except StoreError as error:
            if not self.can.lite:
                raise
            # Milvus Lite 3.2, killed while it writes an index, leaves a file that it cannot load. It holds no rows.
            logger.warning("An index of %r in %s cannot be read (%s): rebuilding it.", name, self.uri, error)
            with translated(f"rebuild the indexes of {name!r}", self.uri):
                while names := self.client.list_indexes(name):  # listed each time: Lite 3.2 may drop several at once
                    self.client.drop_index(name, names[0])
                self._index(name, words=words)
                self.client.load_collection(name)
