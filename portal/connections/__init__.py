"""Pages of connections: gateways, the age of their credentials, and replacing them."""
