"""Ports: the protocols through which operations reach the outside world. Operations await ports and nothing else.

Every port works in two ways: for ``AsyncMemory`` its methods suspend; for ``Memory`` they block and return without ever
suspending. An operation behaves the same with both, so one body serves ``Memory`` and ``AsyncMemory``.
"""

from mem0milvus.ports.bundles import Ports, RecordPorts, Transfer
from mem0milvus.ports.execution import Background, Clock, Driver, Job, Locks, Positions, Shield
from mem0milvus.ports.models import EmbedderPort, Extraction, Extractor, LLMPort, RerankerPort
from mem0milvus.ports.tables import Hit, Probe, R, Row, Table
from mem0milvus.ports.transfer import Files, NewFile, OldFile, Origin, ReplacementStore

__all__ = [
    "Background",
    "Clock",
    "Driver",
    "EmbedderPort",
    "Extraction",
    "Extractor",
    "Files",
    "Hit",
    "Job",
    "LLMPort",
    "Locks",
    "NewFile",
    "OldFile",
    "Origin",
    "Ports",
    "Positions",
    "Probe",
    "R",
    "RecordPorts",
    "ReplacementStore",
    "RerankerPort",
    "Row",
    "Shield",
    "Table",
    "Transfer",
]
