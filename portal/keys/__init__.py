"""The encryption keys: what they seal, their change without an interruption, their loss."""
