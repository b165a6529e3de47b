"""Show and change tenants of connections."""
