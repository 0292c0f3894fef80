"""What the operations need from outside, as protocols. Operations await these and touch nothing else.

Every port has two implementations: methods of one really await; methods of the other block and return without ever
suspending. An operation cannot tell them apart, so one body serves ``Memory`` and ``AsyncMemory``.
"""

from mem0milvus.ports.bundles import Ports, RecordPorts, Transfer
from mem0milvus.ports.execution import Background, Clock, Driver, Job, Locks, Positions, Shield
from mem0milvus.ports.models import EmbedderPort, Extraction, Extractor, LLMPort
from mem0milvus.ports.tables import Hit, Probe, R, Row, Table
from mem0milvus.ports.transfer import Files, NewFile, OldFile, Origin, Successor

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
    "Row",
    "Shield",
    "Successor",
    "Table",
    "Transfer",
]
