"""manage.py demo, which `make run` calls: runs portal, worker and gateway until Ctrl-C."""

import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from portal.demo import setup
from portal.demo.processes import DemoError, ProcessGroup, check_port

WELCOME = """
  Provisioning Portal   {portal}
  Sign in as            {people}
  Passphrase            {passphrase}
  Embedded gateway      {gateway}   (its own System Setup page)
  Kept in               {data}

  Press Ctrl-C to stop.
"""


class Command(BaseCommand):
    """Run the whole demo in the foreground."""

    help = (
        "Runs a demo portal with an embedded gateway on this machine. PORT and SANDBOX_PORT choose the ports."
    )
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until Ctrl-C or SIGTERM. Raises CommandError if anything ends or fails before."""
        if settings.PORTAL_ENV != "demo":
            raise CommandError(
                f"This portal is configured for {settings.PORTAL_ENV}; the demo does not run there."
            )
        ports = _port("PORT", 8000), _port("SANDBOX_PORT", 8001)
        try:
            with ProcessGroup() as processes:
                self._run(processes, *ports)
        except KeyboardInterrupt:
            self.stdout.write("\nEnded. The data is kept.")
        except DemoError as error:
            raise CommandError(str(error)) from None

    def _run(self, processes: ProcessGroup, port: int, sandbox_port: int) -> None:
        manage = str(settings.BASE_DIR / "manage.py")
        check_port(port, "PORT")
        check_port(sandbox_port, "SANDBOX_PORT")
        self.stdout.write("Preparing the demo …")
        setup.ensure_database()
        setup.ensure_gateway(base_url=f"http://127.0.0.1:{sandbox_port}/api/provisioning")
        processes.start(
            "The embedded gateway",
            manage,
            "sandbox_serve",
            "--port",
            str(sandbox_port),
            environment=setup.get_gateway_environment(),
            quiet=True,
        )
        setup.ensure_people()
        setup.ensure_static()
        connections.close_all()
        environment = {
            **os.environ,
            "PORTAL_BIND": f"127.0.0.1:{port}",
            "DJANGO_SETTINGS_MODULE": "portal.settings",
        }
        processes.start(
            "The portal",
            "-m",
            "gunicorn",
            "-c",
            "python:portal.serving",
            "portal.wsgi",
            environment={**environment, "WEB_LOG_LEVEL": "warning", "WEB_DRAIN_SECONDS": "0"},
        )
        if settings.AUDIT_FORWARD_TO or settings.AUDIT_ANCHOR_FORWARD_TO:
            processes.start("The audit stream", manage, "audit_stream", environment=environment, again=True)
        processes.wait_for("The embedded gateway", sandbox_port, "/")
        processes.wait_for("The portal", port, "/healthz/ready")
        processes.start("The worker", manage, "tasks_work", environment=os.environ, again=True)
        welcome = WELCOME.format(
            portal=f"http://127.0.0.1:{port}/",
            people=", ".join(setup.PEOPLE),
            passphrase=setup.get_passphrase(),
            gateway=f"http://127.0.0.1:{sandbox_port}/",
            data=settings.DATA_DIR,
        )
        self.stdout.write(welcome)
        self.stdout.flush()
        processes.watch()


def _port(variable: str, default: int) -> int:
    """Return a port number from the environment. Raises CommandError."""
    text = os.environ.get(variable) or str(default)
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise CommandError(f"{variable} must be a port number, not “{text}”.")
    return int(text)
