"""What happened: the append-only, chained record of every event."""
