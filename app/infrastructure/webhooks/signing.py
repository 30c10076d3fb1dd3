"""Signatures and secrets as https://www.standardwebhooks.com wants them."""

import base64
import secrets
from datetime import datetime

from standardwebhooks import Webhook

SECRET_BYTES = 32
"""The specification asks for 24 to 64."""


def sign(secret: str, message_id: str, at: datetime, body: bytes) -> str:
    """`v1,` and the HMAC-SHA256 in base64."""
    return Webhook(secret).sign(message_id, at, body.decode())


def new_secret() -> str:
    """`whsec_` and random bytes in base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
