"""Users, roles, permissions, tenant access, sign-in and access control."""
