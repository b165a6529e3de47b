"""Background work: runs that outlive a page, with an owner, progress, retry and an end."""
