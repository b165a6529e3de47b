"""Pages of merchants."""
