"""Use cases: each sequences domain rules, the repository and the store."""
