"""Background work: runs with an owner, progress, retry and a result."""
