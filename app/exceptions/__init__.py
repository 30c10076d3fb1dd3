"""The error tree; see `errors`."""
