"""Slipway: presigned uploads straight into object storage, verified with the store."""
