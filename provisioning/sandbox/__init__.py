"""The embedded gateway: all 19 operations of the contract over real HTTP, own settings, own database."""
