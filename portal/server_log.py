"""gunicorn's own lines as JSON, like all others."""

import sys
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from gunicorn.glogging import Logger

from portal.core.logs import JsonFormatter


class ServerLogger(Logger):  # type: ignore[misc]
    """gunicorn's logger with the portal's format."""

    def setup(self, cfg: Any) -> None:
        """Called at the start and whenever the configuration is read again."""
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(JsonFormatter())

    def exception(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        """Say in words why the portal does not start; of other errors the formatter keeps kind and place."""
        error = sys.exc_info()[1]
        if isinstance(error, ImproperlyConfigured):
            self.critical("Not started: %s", error)
        else:
            super().exception(msg, *args, **kwargs)
