"""manage.py sandbox_serve: runs the embedded gateway."""

import ipaddress
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from provisioning.sandbox.migrate import prepare_database


class Command(BaseCommand):
    """Serves the API and its System Setup pages until Ctrl-C or SIGTERM."""

    help = "Runs the embedded gateway. Prints one line when it can be used; ends with Ctrl-C."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """--port 0 takes any free port; the line printed names it."""
        parser.add_argument("--port", type=int, default=8001)
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--allow-remote", action="store_true", help="serve the API to other machines")
        parser.add_argument(
            "--allow-remote-pages", action="store_true", help="serve the pages to them as well"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Refuse addresses other machines reach, unless that is wanted."""
        host = "127.0.0.1" if options["host"] == "localhost" else options["host"]
        if not _loopback(host) and not options["allow_remote"]:
            raise CommandError(
                "Other machines would reach this address. Add --allow-remote if that is wanted."
            )
        # The worker is forked from this process, so it sees these settings too.
        if options["allow_remote"]:
            settings.ALLOWED_HOSTS = ["*"]
        settings.SANDBOX_PAGES_REMOTE = options["allow_remote_pages"]
        prepare_database()
        from provisioning.sandbox.server import GatewayServer

        GatewayServer(host, options["port"]).run()


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        raise CommandError(f"'{host}' is not an IP address.") from None
