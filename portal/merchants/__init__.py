"""Show and change merchants of tenants."""
