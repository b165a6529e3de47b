"""sandbox_serve, sandbox_key and sandbox_seed."""
