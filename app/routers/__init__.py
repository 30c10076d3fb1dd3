"""HTTP: one file per feature."""
