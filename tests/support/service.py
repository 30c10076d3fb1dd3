"""Fixtures: service."""
