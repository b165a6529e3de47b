"""Forwarding: each event is sent to a SIEM, and the anchors to where they are kept."""
