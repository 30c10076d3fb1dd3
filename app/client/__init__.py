"""A client of the service, which speaks nothing but HTTP to it and to the store it points at."""
