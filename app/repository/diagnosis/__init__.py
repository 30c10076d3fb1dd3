"""Checks of the database and of what stands in it, for the doctor."""
