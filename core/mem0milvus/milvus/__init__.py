"""Memories in Milvus: Milvus Lite in a local file, a Milvus server, or Zilliz Cloud. The only place that calls pymilvus."""
