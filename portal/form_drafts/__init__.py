"""Unsent forms: what a person typed survives sign-out, step-up, refusals and a crash of the browser."""
