"""Fixtures by subject, each in its own file under tests/support."""

import shutil
import tempfile

import pytest

pytest_plugins = [
    "tests.support.once",
    "tests.support.measuring",
    "tests.support.engines",
    "tests.support.databases",
    "tests.support.stores",
    "tests.support.service",
    "tests.support.aws",
    "tests.support.multipart",
    "tests.support.doctor",
    "tests.support.certificates",
]


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Temporary directories of this session's own.

    pytest's shared one is closed to other users again at the start of every session, which locks
    out the PostgreSQL of another session that root runs at the same time.
    """
    if config.option.basetemp is None:
        config.option.basetemp = tempfile.mkdtemp(prefix="sw-")
        config.add_cleanup(lambda: shutil.rmtree(config.option.basetemp, ignore_errors=True))
