"""PostgreSQL: the model of the data, the connections to it, and its migrations."""
