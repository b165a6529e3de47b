"""The local index of gateway entities, without secrets: lists, search, age."""
