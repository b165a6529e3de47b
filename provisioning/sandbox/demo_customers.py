"""The small company of the demo: three sub-tenants with their customers, as a table."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Customer:
    """A merchant of the demo, with its connectors as (method, adapter)."""

    guid: str
    slug: str
    name: str
    address: str
    zip_code: str
    city: str
    country: str
    currency: str
    timezone: str
    connectors: tuple[tuple[str, str], ...]
    disabled: bool = False


_CARD_AND_DEBIT = (("Creditcard", "ExampleAcquirer"), ("DirectDebit", "ExampleAcquirer"))
_CARD_AND_WALLET = (("Creditcard", "AlpinePay"), ("Paypal", "AlpinePay"))

COMPANY: tuple[tuple[str, str, tuple[Customer, ...]], ...] = (
    (
        "TE-a100-0000-0000-0000-0000-0001",
        "Alpine Commerce",
        (
            Customer(
                "ME-a100-0000-0000-0000-0000-0001",
                "bergladen",
                "Bergladen Outdoor",
                "Bahnhofstraße 12",
                "6020",
                "Innsbruck",
                "AT",
                "EUR",
                "Europe/Vienna",
                _CARD_AND_DEBIT,
            ),
            Customer(
                "ME-a100-0000-0000-0000-0000-0002",
                "seeblick",
                "Hotel Seeblick",
                "Uferweg 3",
                "9220",
                "Velden",
                "AT",
                "EUR",
                "Europe/Vienna",
                _CARD_AND_WALLET,
            ),
            Customer(
                "ME-a100-0000-0000-0000-0000-0003",
                "zuricycle",
                "Züricycle AG",
                "Langstrasse 88",
                "8004",
                "Zürich",
                "CH",
                "CHF",
                "Europe/Zurich",
                (("Creditcard", "HarbourBank"),),
            ),
        ),
    ),
    (
        "TE-b200-0000-0000-0000-0000-0002",
        "Harbour & Sons",
        (
            Customer(
                "ME-b200-0000-0000-0000-0000-0001",
                "teahouse",
                "The Old Tea House",
                "4 Quay Street",
                "BS1 4QA",
                "Bristol",
                "GB",
                "GBP",
                "Europe/London",
                _CARD_AND_WALLET,
            ),
            Customer(
                "ME-b200-0000-0000-0000-0000-0002",
                "lantern",
                "Lantern Books",
                "27 Harcourt Row",
                "D02 XY45",
                "Dublin",
                "IE",
                "EUR",
                "Europe/Dublin",
                (("Creditcard", "MeridianPsp"), ("Ideal", "MeridianPsp")),
                disabled=True,
            ),
        ),
    ),
    (
        "TE-c300-0000-0000-0000-0000-0003",
        "Pampa Digital",
        (
            Customer(
                "ME-c300-0000-0000-0000-0000-0001",
                "yerba",
                "Yerba Buena Café",
                "Av. Corrientes 1234",
                "C1043",
                "Buenos Aires",
                "AR",
                "ARS",
                "America/Argentina/Buenos_Aires",
                (("Creditcard", "SimulatorPci"), ("Prepaid", "CashLine")),
            ),
        ),
    ),
)
