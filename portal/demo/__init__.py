"""What `make run` does: portal, worker and embedded gateway on this machine, for trying and training."""
