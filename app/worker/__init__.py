"""The jobs behind the API: procrastinate runs them, on the same PostgreSQL."""
