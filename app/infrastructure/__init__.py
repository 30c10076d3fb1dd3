"""Adapters: the object store, tokens, rate limits, logs, metrics, embedded engines."""
