"""`python -m app openapi`: the OpenAPI document."""

import json

from app.settings import Settings


def openapi() -> None:
    """Print the OpenAPI document, which is the same whatever the settings."""
    from app.main import create_app

    document = create_app(Settings.model_construct()).openapi()
    print(json.dumps(document, indent=2, ensure_ascii=False))
