"""The safety net under logging: what looks like a credential never reaches a log line.

Code must not log secrets in the first place; this catches what libraries and mistakes do.
"""

import re
from collections.abc import MutableMapping
from functools import lru_cache
from typing import Any

MASK = "[redacted]"

_SECRET_KEY = re.compile(
    r"authorization|token|secret|password|credential|signature|cookie|api_?key|(^|_)urls?$", re.I
)
# Query strings and forms of SigV4, authorisation headers, JWTs, URLs with a password.
_SECRET_VALUE = re.compile(
    r"X-Amz-(?:Signature|Credential|Security-Token)|\bBearer\s+\S|\beyJ[\w-]{8}|://[^/\s:@]*:[^/\s@]+@",
    re.I,
)


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor that masks values by their key and by what they look like."""
    for key, value in event.items():
        if _is_secret_key(key):
            event[key] = MASK
        elif not isinstance(value, int | float):
            event[key] = _redacted(value)
    return event


def _redacted(value: Any) -> Any:
    """Containers are searched through; a string loses the lines that hold a credential."""
    if isinstance(value, str):
        return _redacted_text(value)
    if isinstance(value, dict):
        return {k: MASK if _is_secret_key(str(k)) else _redacted(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(item) for item in value]
    return value


def _redacted_text(text: str) -> str:
    # Four plain searches are five times as fast as the expression, and nearly always enough.
    if not ("eyJ" in text or "mz-" in text or "earer" in text or "://" in text):
        return text
    lines = text.split("\n")
    return "\n".join(MASK if _SECRET_VALUE.search(line) else line for line in lines)


@lru_cache(maxsize=1024)
def _is_secret_key(key: str) -> bool:
    return _SECRET_KEY.search(key) is not None
