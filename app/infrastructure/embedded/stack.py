"""Which engines the settings ask for, started together and stopped in reverse."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from app.infrastructure.embedded.errors import EngineError
from app.infrastructure.embedded.lock import is_locked, locked
from app.infrastructure.keeper import kept
from app.settings import Settings, StorageType

if TYPE_CHECKING:
    from app.infrastructure.embedded.seaweedfs import EmbeddedSeaweedFS, S3Server


@contextmanager
def running_engines(
    settings: Settings, *, store: bool = True, meanwhile: Callable[[], None] = lambda: None
) -> Iterator[Settings]:
    """Run what `settings` leave open, and yield them with every address and key filled in.

    No DATABASE_URL: a PostgreSQL. `STORAGE_TYPE=local` without S3_ENDPOINT_URL: a SeaweedFS,
    unless `store` is false. One that ends by itself is started again at the same address.
    `meanwhile` is called while they start. Call it from the main thread.
    Raises EngineError, also when another service runs on the same DATA_DIR.
    """
    needs_database = settings.database_url is None
    needs_store = store and _lacks_store(settings)
    with ExitStack() as stack:
        if needs_database or needs_store:
            stack.enter_context(locked(settings.data_dir))
        found: dict[str, Any] = {}
        # SeaweedFS takes the longest, nearly all of it waiting.
        seaweedfs = _launch_store(settings, stack) if needs_store else None
        if needs_database:
            found |= _start_database(settings, stack)
        meanwhile()
        if seaweedfs:
            server = seaweedfs.start()
            stack.enter_context(kept(seaweedfs, "SeaweedFS", server))
            found |= _store_settings(server)
        yield settings.model_copy(update=found)


@contextmanager
def reachable_engines(settings: Settings, *, store: bool = True) -> Iterator[Settings]:
    """Yield the settings with engines that answer, for a command beside the service.

    What they leave open is that of the running service on DATA_DIR, or else runs meanwhile.
    Raises EngineError.
    """
    if is_locked(settings.data_dir):
        yield settings.model_copy(update=_running(settings, store=store))
    else:
        with running_engines(settings, store=store) as running:
            yield running


def _running(settings: Settings, *, store: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with _installed():
        from app.infrastructure.embedded.postgres import EmbeddedPostgres
        from app.infrastructure.embedded.seaweedfs import EmbeddedSeaweedFS
    if settings.database_url is None:
        url = EmbeddedPostgres(settings.data_dir / "postgres").url
        found |= {"database_url": SecretStr(url)}
    if store and _lacks_store(settings):
        found |= _store_settings(EmbeddedSeaweedFS(settings.data_dir / "seaweedfs").server)
    return found


def _lacks_store(settings: Settings) -> bool:
    return settings.storage_type is StorageType.LOCAL and settings.s3_endpoint_url is None


def _launch_store(settings: Settings, stack: ExitStack) -> "EmbeddedSeaweedFS":
    with _installed():
        from app.infrastructure.embedded.seaweedfs import EmbeddedSeaweedFS
    engine = EmbeddedSeaweedFS(settings.data_dir / "seaweedfs")
    stack.callback(engine.stop)
    engine.launch()
    return engine


def _start_database(settings: Settings, stack: ExitStack) -> dict[str, Any]:
    with _installed():
        from app.infrastructure.embedded.postgres import EmbeddedPostgres
    engine = EmbeddedPostgres(settings.data_dir / "postgres")
    stack.callback(engine.stop)
    url = engine.start()
    stack.enter_context(kept(engine, "PostgreSQL", url))
    return {"database_url": SecretStr(url)}


def _store_settings(server: "S3Server") -> dict[str, Any]:
    return {
        "s3_endpoint_url": server.endpoint_url,
        "s3_access_key": SecretStr(server.access_key),
        "s3_secret_key": SecretStr(server.secret_key),
        "s3_region": server.region,
        "s3_provider": "seaweedfs",
        "s3_addressing_style": "path",
    }


@contextmanager
def _installed() -> Iterator[None]:
    """Around imports of the engines: the production image lacks what they stand on."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise EngineError(
            f"the embedded engines are not installed ({error}): pip install -r "
            "requirements-dev.txt, or set DATABASE_URL and STORAGE_TYPE=s3"
        ) from error
