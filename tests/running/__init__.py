"""The portal as people start it: `make run`, its end, and what production refuses."""
