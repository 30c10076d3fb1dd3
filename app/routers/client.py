"""The browser client: the ES modules of clients/js, for pages that take them from here."""

from pathlib import Path

from fastapi import FastAPI

from app.routers.modules import Modules

MODULES = Path(__file__).parents[2] / "clients" / "js"


def mount_client(app: FastAPI) -> None:
    """`/client/slipway.js` and what it imports."""
    app.mount("/client", Modules(directory=MODULES))
