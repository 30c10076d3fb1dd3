"""A diagnosis for people: a table of the checks, then every problem with what mends it."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from textwrap import wrap

from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from app.cli.table import printable
from app.domain.diagnosis import Diagnosis, Examination, Finding, Remedy, Verdict

_STYLES = {
    Verdict.OK: "green",
    Verdict.NOTE: "cyan",
    Verdict.SKIPPED: "dim",
    Verdict.WARNING: "yellow",
    Verdict.FAILURE: "bold red",
}
_INDENT = "  "


def print_report(diagnosis: Diagnosis, console: Console | None = None) -> None:
    """Print it to standard output: in colour on a terminal only, and not where NO_COLOR is set."""
    console = console or Console(highlight=False, emoji=False)
    console.print(_table(diagnosis.examinations))
    for examination in diagnosis.examinations:
        for finding in examination.findings:
            if finding.why or finding.remedy:
                _print_finding(console, examination, finding)
    console.print()
    console.print(_sum(diagnosis))


def _table(examinations: Sequence[Examination]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for examination in examinations:
        verdict = examination.verdict
        said = [finding.what for finding in examination.findings]
        if examination.fixed:
            said.insert(0, f"Fixed: {examination.fixed}")
        row = Text(verdict, _STYLES[verdict]), Text(examination.name), _text("\n".join(said))
        table.add_row(*row)
    return table


def _print_finding(console: Console, examination: Examination, finding: Finding) -> None:
    console.print()
    verdict = Text(finding.verdict, _STYLES[finding.verdict])
    console.print(Text.assemble(verdict, f"  {examination.title}"))
    _print_wrapped(console, "", finding.what)
    if finding.why:
        _print_wrapped(console, "Why: ", finding.why)
    if finding.remedy:
        _print_remedy(console, finding.remedy)
    if finding.fixable and examination.does:
        _print_wrapped(console, "Or:  ", f"let the doctor {examination.does}:")
        _print_verbatim(console, f"python -m app doctor --fix --only {examination.name}")


def _print_remedy(console: Console, remedy: Remedy) -> None:
    _print_wrapped(console, "Do:  ", remedy.text)
    if remedy.document is not None:
        _print_verbatim(console, json.dumps(remedy.document, indent=2))
    if remedy.command:
        _print_verbatim(console, remedy.command)


def _print_wrapped(console: Console, label: str, text: str) -> None:
    """In lines of the console's width, without the blanks that rich would fill them up with."""
    width = max(20, console.width - len(_INDENT + label))
    first, *rest = wrap(printable(text), width, break_on_hyphens=False) or [""]
    console.print(Text.assemble(_INDENT, (label, "bold"), first), soft_wrap=True)
    for line in rest:
        console.print(Text(_INDENT + " " * len(label) + line), soft_wrap=True)


def _print_verbatim(console: Console, lines: str) -> None:
    """Without wrapping, which would break what is copied from here."""
    for line in lines.splitlines():
        console.print(Text(f"    {printable(line)}"), soft_wrap=True)


def _sum(diagnosis: Diagnosis) -> str:
    count = len(diagnosis.examinations)
    examined = f"Examined {count} thing{'s' if count != 1 else ''} in {diagnosis.seconds:.1f} s"
    if not diagnosis.problems:
        return f"{examined}: no problems."
    return f"{examined}: {diagnosis.problems} problem{'s' if diagnosis.problems > 1 else ''}."


def _text(text: str) -> Text:
    return Text("\n".join(map(printable, text.split("\n"))))


@contextmanager
def progress(names: Sequence[str]) -> Iterator[Callable[[Examination], None]]:
    """How many checks are done, on standard error if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    left = set(names)
    with Status("Examining…", console=Console(stderr=True)) as status:

        def on_examined(examination: Examination) -> None:
            left.discard(examination.name)
            status.update(f"Examining: {', '.join(n for n in names if n in left)}")

        yield on_examined
