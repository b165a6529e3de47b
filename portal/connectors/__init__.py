"""Show and change connectors of merchants."""
