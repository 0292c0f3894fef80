"""Hooks of mkdocs: the differences between the site and the pages in the repository."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#:\s]+)\)")
DIAGRAM = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)

#: The diagram's lines are black, so it needs a light ground in the dark colour scheme too.
FRAME = '<div class="diagram" style="background:#fff; padding:1em; text-align:center">{}</div>'


def on_config(config: Any) -> None:
    """Fill in the navigation: an entry that ends in ``*.md`` stands for all pages of that folder, by name.

    Args:
        config: the configuration of mkdocs.
    """
    config["nav"] = _filled_in(config["nav"], Path(config["docs_dir"]))


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:
    """Draw the diagrams of a page, and name the files outside of ``docs`` to which it links: the site has none of them.

    Args:
        markdown: the page.
        page: where it comes from.
        config: the configuration of mkdocs.
    """
    docs = Path(config["docs_dir"]).resolve()
    folder = Path(page.file.abs_src_path).parent

    def without_link(link: re.Match[str]) -> str:
        target = (folder / link[2]).resolve()
        if target.is_relative_to(docs) or not target.is_relative_to(docs.parent):
            return link[0]
        return f"{link[1]}, `{target.relative_to(docs.parent).as_posix()}` in the repository"

    return LINK.sub(without_link, DIAGRAM.sub(_drawn, markdown))


def _drawn(diagram: re.Match[str]) -> str:
    """The diagram as SVG inside the page, drawn here rather than by a script in the reader's browser."""
    import mmdr

    return FRAME.format(mmdr.render(diagram[1]).svg().replace("\n", ""))


def _filled_in(entry: Any, docs: Path) -> Any:
    if isinstance(entry, list):
        return [_filled_in(item, docs) for item in entry]
    if isinstance(entry, dict):
        return {title: _filled_in(item, docs) for title, item in entry.items()}
    if isinstance(entry, str) and entry.endswith("*.md"):
        return [page.relative_to(docs).as_posix() for page in sorted(docs.glob(entry))]
    return entry
