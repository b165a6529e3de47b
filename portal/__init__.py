"""The web application with which staff manage the gateway's entities."""
