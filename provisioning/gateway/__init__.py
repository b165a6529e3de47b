"""The one place that speaks HTTP to the gateway: client, exception tree, sealed secrets."""
