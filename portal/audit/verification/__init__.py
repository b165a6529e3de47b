"""Verification: checks that the audit trail is complete and unchanged, and reports the findings."""
