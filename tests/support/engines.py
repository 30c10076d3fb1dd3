"""Fixtures: engines."""
