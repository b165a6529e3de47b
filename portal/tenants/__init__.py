"""The tenants' room."""
