"""Bodies that clients send."""
