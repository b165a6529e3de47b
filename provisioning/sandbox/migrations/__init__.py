"""The database of the embedded gateway, step by step."""
