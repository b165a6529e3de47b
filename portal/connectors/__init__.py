"""The connectors' room."""
