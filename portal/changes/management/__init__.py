"""Commands of portal.changes."""
