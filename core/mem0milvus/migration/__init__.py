"""Migration of Mem0's memories: ``migrate_mem0``."""

from mem0milvus.migration.mem0 import Mem0Store, migrate_mem0
from mem0milvus.migration.report import MigrationReport, Problem

__all__ = ["Mem0Store", "MigrationReport", "Problem", "migrate_mem0"]
