"""Real engines for development and tests, from wheels: PostgreSQL and an S3 that verifies."""
