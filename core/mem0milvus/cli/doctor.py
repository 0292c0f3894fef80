"""``mem0milvus doctor``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import typer
from rich.table import Table

from mem0milvus.cli.diagnosis import Diagnosis, Finding
from mem0milvus.cli.options import CommandOptions
from mem0milvus.cli.progress import working
from mem0milvus.cli.tables import print_rich_table
from mem0milvus.cli.terminal import FAILED, plain, print_json, print_line

_STYLES = {"ok": "green", "note": "yellow", "fault": "bold red"}


def doctor(options: CommandOptions) -> None:
    """Diagnose problems of the store and its models, and suggest fixes."""
    with working("Checking"):
        findings = list(Diagnosis(options).run())
    healthy = all(finding.state != "fault" for finding in findings)
    if options.as_json:
        print_json({"ok": healthy, "findings": [asdict(finding) for finding in findings]})
    else:
        _print_findings(findings)
        noted = "; see the notes" if any(finding.state == "note" for finding in findings) else ""
        print_line(f"No problems found{noted}." if healthy else "There is a problem: see the fault.", style="bold")
    if not healthy:
        raise typer.Exit(FAILED)


def _print_findings(findings: Sequence[Finding]) -> None:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        says = plain(finding.says)
        if finding.mend:
            says.append_text(plain(f"\n→ {finding.mend}", "bold"))
        table.add_row(plain(finding.state, _STYLES[finding.state]), finding.check, says)
    print_rich_table(table)
