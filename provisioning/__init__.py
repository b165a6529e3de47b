"""The gateway side: everything that touches the provisioning gateway."""
