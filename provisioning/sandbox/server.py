"""Runs the embedded gateway under gunicorn: one worker process, many threads, ended by Ctrl-C or SIGTERM."""

import os
from typing import Any

from gunicorn.app.base import BaseApplication

# Enough for slow callers and a few hanging faults at once; SQLite does not write in parallel anyway.
THREADS = 16


class GatewayServer(BaseApplication):  # type: ignore[misc]
    """gunicorn with options from code: no command line, no configuration file, no environment."""

    def __init__(self, host: str, port: int) -> None:
        self._address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        super().__init__()

    def load_config(self) -> None:
        """Set the options; called by gunicorn."""
        options = {
            "bind": self._address,
            "workers": 1,
            "worker_class": "gthread",
            "threads": THREADS,
            "timeout": 120,
            "graceful_timeout": 2,
            "keepalive": 75,
            "loglevel": "warning",
            "proc_name": "embedded-gateway",
            # It would be written into the home folder, which a service account may not have.
            "control_socket_disable": True,
            # Access depends on the address, so a header must not be able to claim another one.
            "forwarded_allow_ips": "",
            "post_worker_init": announce,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The application; loaded in the worker."""
        from provisioning.sandbox.wsgi import application

        return application


def announce(worker: Any) -> None:
    """Print the one line that says the gateway can be used, with the port it really got."""
    host, port = worker.sockets[0].getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    root = f"http://{shown}:{port}"
    line = f"Embedded gateway ready: {root}/api/provisioning (System Setup: {root}/)\n"
    os.write(1, line.encode())
