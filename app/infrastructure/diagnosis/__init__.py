"""Checks of what the service stands on, for the doctor."""
