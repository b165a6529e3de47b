"""The role of this process, set by its entry point before the settings are read."""

# "web" for a server process, otherwise the name of the command.
role = "command"


def set_role(name: str) -> None:
    """Remember what this process does: it decides the time limits of its database connections."""
    global role  # noqa: PLW0603 - set once, by manage.py or wsgi.py
    role = name
