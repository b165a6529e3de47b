"""How a write is decided: preview, intent, send, outcome."""
