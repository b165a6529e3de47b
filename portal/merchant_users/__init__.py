"""The merchant users' room."""
