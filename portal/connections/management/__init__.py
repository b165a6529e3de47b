"""Commands of the connections."""
