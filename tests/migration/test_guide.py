"""The guide's lines for users of Mem0, run beside a store that Mem0 made."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guides" / "migration.md"


def test_the_guide_brings_what_mem0_has(tmp_path: Path) -> None:
    with tarfile.open(Path(__file__).with_name("mem0_store.tar.gz")) as archive:
        for member in archive.getmembers():
            archive.extract(member, tmp_path, **({"filter": "data"} if sys.version_info >= (3, 12) else {}))
    (tmp_path / "milvus.db").rename(tmp_path / "mem0.db")
    (code,) = re.findall(r"^```py\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "'memories': 7" in done.stdout
    assert "Plays tennis on Sundays." in done.stdout
