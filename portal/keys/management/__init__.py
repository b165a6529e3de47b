"""Commands of the encryption keys."""
