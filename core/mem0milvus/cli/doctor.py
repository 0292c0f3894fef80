"""``mem0milvus doctor``."""

from __future__ import annotations

from dataclasses import asdict

import typer
from rich.console import Console
from rich.table import Table

from mem0milvus.cli import options
from mem0milvus.cli.checkup import Checkup
from mem0milvus.cli.findings import Finding
from mem0milvus.cli.progress import working
from mem0milvus.cli.tables import print_rich_table
from mem0milvus.cli.terminal import FAILED, plain, print_json, print_line

_STYLES = {"ok": "green", "note": "yellow", "fault": "bold red"}


def doctor(
    config: options.ConfigFile = None,
    url: options.StoreUrl = None,
    collection: options.Collection = None,
    as_json: options.AsJson = False,
) -> None:
    """Look whether all is well with the store and its models, and say how to mend what is not."""
    with working("Looking"):
        findings = list(Checkup(config, url, collection).run())
    well = all(finding.state != "fault" for finding in findings)
    if as_json:
        print_json({"ok": well, "findings": [asdict(finding) for finding in findings]})
    else:
        _tell(findings, well)
    if not well:
        raise typer.Exit(FAILED)


def _tell(findings: list[Finding], well: bool) -> None:
    console = Console(highlight=False)
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        says = plain(finding.says)
        if finding.mend:
            says.append_text(plain(f"\n→ {finding.mend}", "bold"))
        table.add_row(plain(finding.state, _STYLES[finding.state]), finding.check, says)
    print_rich_table(console, table)
    if not well:
        print_line(console, "Something is wrong: see the fault.", style="bold red")
    elif any(finding.state == "note" for finding in findings):
        print_line(console, "All is well; see the notes.", style="bold")
    else:
        print_line(console, "All is well.", style="bold")
