"""Fixtures by subject, each in its own file under tests/support."""

pytest_plugins = [
    "tests.support.engines",
    "tests.support.databases",
    "tests.support.stores",
    "tests.support.service",
]
