"""What `make bench` runs: the promised figures, measured against the portal as it is served."""
