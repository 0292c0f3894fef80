"""Memories in Milvus: Lite, a server, or Zilliz Cloud. Only here is pymilvus called."""
