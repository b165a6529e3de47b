"""Pages of connectors."""
