"""Commands that are imported once they are asked for: who moves a file waits for nothing else."""

from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.main import get_group

from app.cli.manners import Mannered


class OnDemand(Mannered):
    """The function or group `NAME` of `app.cli.NAME` for each of `names`."""

    names: ClassVar[tuple[str, ...]] = ()

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.names)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        # One that does not exist is compared with all that do.
        for name in (cmd_name,) if cmd_name in self.names else self.names:
            if name not in self.commands:
                self.commands[name] = _imported(name)
        return self.commands.get(cmd_name)


def _imported(name: str) -> Any:
    found = getattr(import_module(f"app.cli.{name}"), name)
    alone = typer.Typer(add_completion=False)
    if isinstance(found, typer.Typer):
        alone.add_typer(found)
    else:
        alone.command(name)(found)
    return get_group(alone).commands[name]
