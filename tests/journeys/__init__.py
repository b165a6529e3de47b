"""Whole ways through the portal and the gateway, as people and their scripts go them."""
