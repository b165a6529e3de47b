"""The demo of `make run`: portal, worker and embedded gateway on this machine."""
