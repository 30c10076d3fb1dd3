"""An explanation on standard output; no signature, credential or token ever is in it."""

import json
from dataclasses import asdict

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from app.cli.table import printable
from app.domain.explain.explanation import Difference, Explanation
from app.infrastructure.redaction import redacted_text

_INDENT = (0, 0, 0, 2)


def print_json(explanation: Explanation) -> None:
    """One document, with the members of `Explanation`."""
    document = asdict(explanation) | {"recognised": explanation.is_recognised}
    print(json.dumps(_masked(document), indent=2))


def _masked(value: object) -> object:
    match value:
        case str():
            return redacted_text(value)
        case dict():
            return {name: _masked(held) for name, held in value.items()}
        case list() | tuple():
            return [_masked(held) for held in value]
        case _:
            return value


def print_text(explanation: Explanation, console: Console | None = None) -> None:
    """In colour on a terminal only, and not where NO_COLOR is set."""
    console = console or Console(highlight=False, emoji=False)
    title = f"{explanation.code}: " if explanation.code else ""
    console.print(Text.assemble((printable(title), "bold"), _text(explanation.what)))
    if explanation.differences:
        console.print()
        console.print(Padding(_table(explanation.differences), _INDENT))
    console.print()
    console.print(Text.assemble(("What to do: ", "bold"), _text(explanation.remedy)))
    if explanation.notes:
        console.print()
    for note in explanation.notes:
        console.print(Text.assemble(("Note: ", "bold"), _text(note)))
    console.print(Text(f"\n({explanation.cause})", "dim"))


def _table(differences: tuple[Difference, ...]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("", no_wrap=True)
    table.add_column("had to be", overflow="fold")
    table.add_column("was", overflow="fold")
    for difference in differences:
        table.add_row(*map(_text, (difference.what, difference.signed, difference.sent)))
    return table


def _text(value: str | None) -> Text:
    return Text(printable(redacted_text(value)) if value else "-")
