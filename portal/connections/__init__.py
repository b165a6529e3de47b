"""The room of the gateways: which there are, how old their credentials are, and resetting them."""
