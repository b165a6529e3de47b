"""Pages of merchant users."""
