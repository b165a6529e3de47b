"""The trail told to the outside, event by event: to a SIEM, and the anchors to whoever keeps them."""
