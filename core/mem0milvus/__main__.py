"""``python -m mem0milvus``: the same as the command ``mem0milvus``."""

from __future__ import annotations

from mem0milvus.cli import main

if __name__ == "__main__":
    main()
