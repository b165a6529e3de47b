"""Commands of the local index."""
