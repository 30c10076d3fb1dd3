"""Fixtures: stores."""
