"""One stream of log lines on standard error, ours and the libraries' alike.

Standard error, because standard output belongs to commands such as `token` that print a result.
"""

import json
import logging
import sys
from collections.abc import Mapping, MutableMapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, Processor

from app.infrastructure.redaction import may_hold_secret, redact
from app.settings import Settings

log_context: ContextVar[Mapping[str, Any]] = ContextVar("log_context", default=MappingProxyType({}))
"""What every line of the present request carries: `request_id`, `owner`, `file_id`."""

_UNSAFE = ("boto3", "botocore", "s3transfer", "urllib3", "sqlalchemy", "uvicorn.access")
"""Below WARNING these write signatures, SQL parameters or query strings."""

_CHATTY = ("alembic.runtime.plugins",)
"""Below WARNING these tell what a reader of logs has no use for."""


def configure_logging(settings: Settings) -> None:
    """Route structlog and the standard library to one renderer; may be called again."""
    level = logging.getLevelNamesMapping()[settings.log_level]
    structlog.configure(
        processors=[
            _add_context,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *_renderers(_is_json(settings)),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_StandardError,
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_ToStructlog()], level=level, force=True)
    for name in (*_UNSAFE, *_CHATTY):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        _use_root_handler(logging.getLogger(name))


def _use_root_handler(logger: logging.Logger) -> None:
    """Undo the handlers that uvicorn installs before it imports the application."""
    logger.handlers.clear()
    logger.propagate = True


def _is_json(settings: Settings) -> bool:
    if settings.log_format == "auto":
        return settings.is_production
    return settings.log_format == "json"


def _renderers(as_json: bool) -> list[Processor]:
    """Tracebacks are rendered first, so that redaction sees them; never with local variables."""
    if as_json:
        plain = structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=30)
        return [structlog.processors.ExceptionRenderer(plain), _render_redacted]
    return [structlog.processors.format_exc_info, redact, _console_renderer()]


def _add_context(_logger: Any, _method: str, event: EventDict) -> EventDict:
    for key, value in log_context.get().items():
        event.setdefault(key, value)
    return event


def _render_redacted(logger: Any, method: str, event: MutableMapping[str, Any]) -> bytes:
    """One look at the whole line says of nearly every line that it holds no credential."""
    line = _to_json(event)
    return _to_json(redact(logger, method, event)) if may_hold_secret(event, line) else line


def _to_json(event: MutableMapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(event, default=str)
    except (
        TypeError
    ):  # lone surrogates and integers beyond 64 bits, which the standard library takes
        return json.dumps(event, default=str).encode()


def _console_renderer() -> Processor:
    render = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )

    def to_bytes(logger: Any, method: str, event: EventDict) -> bytes:
        return render(logger, method, event).encode("utf-8", "backslashreplace")

    return to_bytes


class _StandardError:
    """Writes whole lines. A log that cannot be written must not fail the request it tells of."""

    def __init__(self, *_names: Any) -> None: ...

    def msg(self, line: bytes) -> None:
        try:
            stream = sys.stderr.buffer
            stream.write(line + b"\n")
            stream.flush()
        except (OSError, ValueError):
            pass

    debug = info = warning = error = critical = exception = fatal = msg


class _ToStructlog(logging.Handler):
    """Hands a record of the standard library to structlog, with the name of its logger."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            structlog.get_logger().log(
                min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL),
                record.getMessage(),
                logger=record.name,
                exc_info=record.exc_info,
            )
        except Exception:
            self.handleError(record)
