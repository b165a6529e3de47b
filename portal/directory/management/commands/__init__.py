"""Commands of the local index, for cron."""
