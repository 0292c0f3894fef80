"""The calibration of one embedding model: kept in memory and with the collection, measured if it is in neither."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mem0milvus.errors import EmbeddingError, StoreError
from mem0milvus.ports import Driver

if TYPE_CHECKING:
    from mem0milvus.retrieval.ranking.calibration import Calibration

logger = logging.getLogger(__name__)

#: The beginning of the identities of this library's own embedders, which say exactly what the vectors are.
OWN = "mem0milvus-"

#: The calibrations of these embedders that this process has measured or read, by identity and length of the vectors.
_of_own: dict[tuple[str, int], Calibration] = {}


@dataclass(slots=True)
class CalibrationCache:
    """Shared by all threads of a store.

    Attributes:
        load: returns the text that is kept with the collection, "" for none. It blocks.
        save: keeps a text with the collection. It blocks.
        known: the calibration, once it has been loaded or measured.
    """

    load: Callable[[], str] | None = None
    save: Callable[[str], None] | None = None
    known: Calibration | None = field(default=None, repr=False)

    async def get(
        self, driver: Driver, measure: Callable[[], Awaitable[Calibration]], identity: str = "", dims: int = 0
    ) -> Calibration:
        """Return the calibration; measure and keep it if there is none.

        If the model fails, return the generic one, and measure again when asked again. ``identity`` and ``dims`` are
        those of the embedder: of this library's own, a process measures each once for all stores.
        """
        own = (identity, dims)
        if self.known is None:
            kept = _of_own.get(own) or await self._load(driver)
            if kept is None:
                try:
                    measured = await measure()
                except EmbeddingError as error:
                    from mem0milvus.retrieval.ranking.calibration import GENERIC

                    logger.warning("The embedding model could not be calibrated: %s", type(error).__name__)
                    return GENERIC
                kept = await self._save(driver, measured)
            self.known = kept
            if identity.startswith(OWN):
                _of_own[own] = kept
        return self.known

    async def _load(self, driver: Driver) -> Calibration | None:
        from mem0milvus.retrieval.ranking.calibration import Calibration

        return Calibration.from_text(await driver.call(self.load)) if self.load else None

    async def _save(self, driver: Driver, measured: Calibration) -> Calibration:
        """Keep a calibration; return it with the digits that are kept, so that all processes rank alike."""
        text = measured.to_text()
        if self.save is not None:
            try:
                await driver.call(self.save, text)
            except StoreError as error:  # some servers cannot change properties: each process measures again
                logger.debug("The calibration is not kept with the collection: %s", error)
        return measured.from_text(text) or measured
