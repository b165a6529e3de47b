"""The merchants' room."""
