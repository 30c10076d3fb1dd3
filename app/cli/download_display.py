"""What a download shows beside what every transfer does."""

from dataclasses import dataclass
from typing import Any

from app.cli.connection import STDOUT
from app.cli.table import printable
from app.cli.transfer_display import TransferDisplay
from app.client.errors import ClientError


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file: where it is and what its bytes were checked by, or the error."""

    id: str
    path: str | None = None
    size: int | None = None
    checksum: str | None = None
    error: ClientError | None = None


class DownloadDisplay(TransferDisplay[Outcome]):
    def __init__(self, *, files: int, size: int, as_json: bool, quiet: bool) -> None:
        super().__init__(files=files, size=size, as_json=as_json, quiet=quiet, done="downloaded")

    def document(self, outcome: Outcome) -> dict[str, Any]:
        return {
            "id": outcome.id,
            "path": outcome.path,
            "size": outcome.size,
            "checksum": outcome.checksum,
        }

    def line(self, outcome: Outcome) -> str:
        return "" if outcome.path == STDOUT else printable(outcome.path or "")

    def name(self, outcome: Outcome) -> str:
        return f"{outcome.id} ({outcome.path})" if outcome.path else outcome.id
