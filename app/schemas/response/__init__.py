"""Bodies that the service answers with."""
