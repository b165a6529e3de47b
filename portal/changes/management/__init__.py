"""Hold the management commands of portal.changes."""
