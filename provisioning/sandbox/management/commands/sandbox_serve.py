"""manage.py sandbox_serve: runs the embedded gateway under gunicorn: one worker process, many threads."""

import ipaddress
import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from gunicorn.app.base import BaseApplication

from provisioning.sandbox.migrate import prepare_database

# Enough for slow callers and a few hanging faults at once; SQLite does not write in parallel anyway.
THREADS = 16


class Command(BaseCommand):
    """Serves the API and its System Setup pages until Ctrl-C or SIGTERM."""

    help = "Runs the embedded gateway. Prints one line when it can be used; ends with Ctrl-C."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options. --port 0 takes any free port; the line printed names it."""
        parser.add_argument("--port", type=int, default=8001)
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--allow-remote", action="store_true", help="serve the API to other machines")
        parser.add_argument(
            "--allow-remote-pages", action="store_true", help="serve the pages to them as well"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the gateway. Refuse an address that other machines reach, unless that is wanted."""
        host = "127.0.0.1" if options["host"] == "localhost" else options["host"]
        try:
            local = ipaddress.ip_address(host).is_loopback
        except ValueError:
            raise CommandError(f"'{host}' is not an IP address.") from None
        if not local and not options["allow_remote"]:
            raise CommandError(
                "Other machines would reach this address. Add --allow-remote if that is wanted."
            )
        # The worker is forked from this process, so it sees these settings too.
        if options["allow_remote"]:
            settings.ALLOWED_HOSTS = ["*"]
        settings.SANDBOX_PAGES_REMOTE = options["allow_remote_pages"]
        prepare_database()
        GatewayServer(host, options["port"]).run()


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
        """Return the application; called by gunicorn in the worker."""
        from provisioning.sandbox.wsgi import application

        return application


def announce(worker: Any) -> None:
    """Print the one line that says the gateway can be used, with the port it really got."""
    host, port = worker.sockets[0].getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    root = f"http://{shown}:{port}"
    line = f"Embedded gateway ready: {root}/api/provisioning (System Setup: {root}/)\n"
    os.write(1, line.encode())
