"""Template tags of portal.changes."""
