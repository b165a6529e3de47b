"""What `make run` does: one portal and one embedded gateway on this machine, for trying and for training."""
