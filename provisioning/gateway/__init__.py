"""Requests to the gateway over HTTP: client, responses, exception tree, sealed secrets."""
