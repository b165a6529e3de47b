"""`manage.py tasks_work`: carries out background work until SIGTERM; as many of them as you like."""

import logging
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from portal.tasks.workers import run_worker
from portal.version import VERSION

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    """Run one worker for background tasks."""

    help = "Carries out background work (exports, verifications) until SIGTERM. Several may run at once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the option to end when no task waits."""
        parser.add_argument("--batch", action="store_true", help="end as soon as nothing waits")

    def handle(self, *args: Any, **options: Any) -> None:
        """Work until SIGTERM (exit code 0), or until the batch is done."""
        logging.captureWarnings(True)
        logger.info("worker starts", extra={"version": VERSION})
        run_worker(batch=options["batch"])
