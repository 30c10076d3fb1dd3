"""Named questions to the database, in the domain's own terms."""
