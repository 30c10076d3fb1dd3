"""What an upload shows beside what every transfer does."""

from typing import Any

from app.cli.table import printable
from app.cli.transfer_display import TransferDisplay
from app.client.uploads import Outcome


class UploadDisplay(TransferDisplay[Outcome]):
    def __init__(self, *, files: int, size: int, as_json: bool, quiet: bool) -> None:
        super().__init__(files=files, size=size, as_json=as_json, quiet=quiet, done="uploaded")
        self._reading = self.bars.add_task("Checksums", total=size, visible=False)

    def read(self, count: int) -> None:
        """So many further bytes were read for their checksum."""
        self.bars.update(self._reading, advance=count, visible=True)

    def document(self, outcome: Outcome) -> dict[str, Any]:
        return {
            "path": outcome.name,
            "size": outcome.size,
            "id": outcome.id,
            "key": outcome.key,
            "status": outcome.status,
        }

    def line(self, outcome: Outcome) -> str:
        return f"{outcome.status}  {outcome.id}  {printable(outcome.name)}"

    def name(self, outcome: Outcome) -> str:
        return outcome.name
