"""`python -m app openapi`: the OpenAPI document."""

import json

from app.cli.configuration import load_settings


def openapi() -> None:
    """Print the OpenAPI document; `make check` holds the snapshot in the repository to it."""
    from app.main import create_app

    document = create_app(load_settings()).openapi()
    print(json.dumps(document, indent=2, ensure_ascii=False))
