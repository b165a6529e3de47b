"""Where the API key rests: Connection, Credential and their reset."""
