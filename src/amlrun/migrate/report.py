"""The report of a migration as Markdown; as JSON it is `MigrationReport.to_dict`."""

from __future__ import annotations

from amlrun.migrate.result import FileResult, Finding, MigrationReport, Verdict

MEANINGS = {
    Verdict.DONE: "no SDK v1 code is left",
    Verdict.NOTE: "rewritten; something must be supplied, see the notes",
    Verdict.ASKS: "rewritten; a question must be answered before it runs",
    Verdict.LEFT: "SDK v1 code is left, see the lines",
}


def markdown(report: MigrationReport, applied: bool) -> str:
    """The whole report."""
    lines = ["# Migration from Azure ML SDK v1", ""]
    lines += ["The files below were changed." if applied else "Nothing was changed: this is a proposal.", ""]
    lines += ["| verdict | files | meaning |", "| --- | --- | --- |"]
    for verdict, number in report.count().items():
        lines.append(f"| {verdict.value} | {number} | {MEANINGS[verdict]} |")
    lines += ["", f"{report.without_v1} more files have no SDK v1 code."]
    for result in sorted(report.results, key=lambda one: (one.verdict.rank, one.path)):
        lines += ["", *_section(result)]
    if report.skipped:
        lines += ["", "## Files that were not read", ""]
        lines += [_line(finding) for finding in report.skipped]
    return "\n".join(lines) + "\n"


def _section(result: FileResult) -> list[str]:
    lines = [f"## {result.path}", "", f"{result.kind.value}: **{result.verdict.value}**"]
    new = [change.path for change in result.changes if change.old is None]
    if new:
        lines += ["", f"Writes {', '.join(f'`{path}`' for path in new)}."]
    if result.findings:
        lines += ["", *(_line(finding) for finding in result.findings)]
    if result.commands:
        lines += ["", "```console", *(f"$ {command}" for command in result.commands), "```"]
    return lines


def _line(finding: Finding) -> str:
    place = [f"cell {finding.cell}"] if finding.cell else []
    place += [f"line {finding.line}"] if finding.line else []
    where = f"{', '.join(place)}: " if place else ""
    head = f"- {where}**{finding.verdict.value}**: {finding.message}"
    stop = "" if finding.message.endswith((".", "?", "!")) else "."
    return f"{head}{stop} {finding.hint}" if finding.hint else head
