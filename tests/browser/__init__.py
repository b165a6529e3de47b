"""The portal as people use it: `make run`, driven in a real Chromium."""
