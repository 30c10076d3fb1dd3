"""The way out to the endpoints of webhooks."""
