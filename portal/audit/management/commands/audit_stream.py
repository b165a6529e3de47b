"""`manage.py audit_stream`: forward the trail to AUDIT_FORWARD_TO and anchors to AUDIT_ANCHOR_FORWARD_TO."""

import logging
import os
import signal
import socket
import sys
import threading
import uuid
from argparse import ArgumentParser
from typing import Any

from django.db import Error as DatabaseFailure
from django.db import close_old_connections

from portal.audit.base_command import AuditCommand
from portal.audit.forwarding.delivery import deliver_all, get_backlogs, get_forwarders

logger = logging.getLogger(__name__)
PAUSE, PAUSE_WITHOUT_DATABASE = 1.0, 10.0


class Command(AuditCommand):
    """The forwarding worker. Several may run; each batch of a receiver is sent by only one of them."""

    help = "Forwards each event to receivers (SIEM, syslog, webhook, file) until it is stopped."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the option to stop when everything was sent."""
        parser.add_argument("--wait", action="store_true", help="keep running if no receiver is configured")
        parser.add_argument(
            "--once",
            action="store_true",
            help="deliver the events that are due, then exit; exit 1 if some are left",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Forward events until SIGTERM or Ctrl-C; with --once until nothing is left."""
        feeds = get_forwarders()
        if not feeds:
            self.stderr.write(
                "No receivers are configured in AUDIT_FORWARD_TO or AUDIT_ANCHOR_FORWARD_TO. "
                "There is nothing to do."
            )
            if options["wait"]:  # a container that ended would not come back after a restart of the host
                _watch_for_signals().wait()
            return
        # Standard output may be a receiver, so the worker's own words go to standard error.
        self.stderr.write("Forwarding to " + ", ".join(feed.name for feed in feeds))
        holder = f"{socket.gethostname()[:24]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        if options["once"]:
            sent = 1
            while sent:
                sent = deliver_all(holder=holder, at_once=True)
            if any(backlog.behind for backlog in get_backlogs()):
                sys.exit(1)
            return
        ended = _watch_for_signals()
        while not ended.is_set():
            close_old_connections()
            try:
                sent = deliver_all(holder=holder)
            except DatabaseFailure as failure:
                # The database is away for a moment: the cursor stays where it was.
                logger.error("event forwarding waits for the database: %s", type(failure).__name__)
                ended.wait(PAUSE_WITHOUT_DATABASE)
                continue
            if not sent:
                ended.wait(PAUSE)


def _watch_for_signals() -> threading.Event:
    """Return an event that SIGTERM and Ctrl-C set."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    return ended
