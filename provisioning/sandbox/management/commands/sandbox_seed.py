"""manage.py sandbox_seed: fills the embedded gateway with demo data, as JSON says afterwards."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from provisioning.sandbox.load_data import seed_load_data
from provisioning.sandbox.migrate import prepare_database
from provisioning.sandbox.seed import OWN_TENANT, count_records, seed_company


class Command(BaseCommand):
    """The published examples and a small company; with --tenants and --merchants also size."""

    help = "Fills the embedded gateway with demo data. May be run again: what exists is kept. Prints JSON."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the numbers: totals of generated entities, beside the small company."""
        parser.add_argument("--tenants", type=int, default=0, help="generated sub-tenants")
        parser.add_argument("--merchants", type=int, default=0, help="generated merchants in total")
        parser.add_argument("--single-tenant", action="store_true", help="put all merchants into one tenant")

    def handle(self, *args: Any, **options: Any) -> None:
        """Seed in one transaction and print what there is."""
        prepare_database()
        with transaction.atomic():
            seed_company()
            generated = seed_load_data(
                tenants=options["tenants"], merchants=options["merchants"], single=options["single_tenant"]
            )
        self.stdout.write(
            json.dumps({"ownTenant": OWN_TENANT, "generatedTenants": generated} | count_records())
        )
