"""Connection: a gateway we speak to. Credential: the API key and password for it, sealed, in versions."""

from datetime import datetime, timedelta
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, RegexValidator
from django.db import models
from django.utils import timezone

from provisioning.credentials.addresses import EGRESS_LIMIT, validate_base_url, validate_egress_addresses

# A connection's slug is the first segment of its pages' addresses: these belong to the portal itself.
RESERVED_SLUGS = frozenset(
    {
        "accounts",
        "admin",
        "api",
        "audit",
        "changes",
        "connections",
        "connectors",
        "drafts",
        "favicon-ico",
        "health",
        "healthz",
        "imports",
        "media",
        "merchants",
        "metrics",
        "new",
        "onboarding",
        "robots-txt",
        "routing",
        "search",
        "staff",
        "static",
        "system",
        "tenants",
        "users",
    }
)

slug_form = RegexValidator(
    r"\A[a-z0-9]+(-[a-z0-9]+)*\Z", "Use lower-case letters, digits and single hyphens, for example “sandbox”."
)


tenant_form = RegexValidator(r"\A[A-Za-z0-9-]*\Z", "A GUID is made of letters, digits and hyphens.")


def one_line(text: str) -> None:
    """Raise ValidationError for line breaks and invisible characters: mails and menus show the name."""
    if not text.isprintable():
        raise ValidationError("Write it on one line, without invisible characters.")


def slug_free(slug: str) -> None:
    """Raise ValidationError if an address of the portal itself begins with `slug`."""
    if slug in RESERVED_SLUGS:
        raise ValidationError(
            "“%(slug)s” is an address of the portal itself. Choose another name.", params={"slug": slug}
        )


class Connection(models.Model):
    """One gateway with its own data and credential. `kind` is its environment: sandbox or production.

    `is_paused`: reads work, writes are refused before anything is sent.
    """

    class Kind(models.TextChoices):
        """Whether real payments are affected; shown as the environment badge."""

        SANDBOX = "sandbox", "Sandbox"
        PRODUCTION = "production", "Production"

    class Colour(models.TextChoices):
        """Colour of the environment in the top bar. Production is always red, and nothing else is."""

        GREEN = "green", "Green"
        BLUE = "blue", "Blue"
        PURPLE = "purple", "Purple"
        AMBER = "amber", "Amber"
        GREY = "grey", "Grey"
        RED = "red", "Red"

    # Stored credentials are bound to the slug (Credential.context): it never changes.
    slug = models.CharField(max_length=40, unique=True, validators=[slug_form, slug_free])
    name = models.CharField(max_length=100, validators=[one_line])
    colour = models.CharField(max_length=20, choices=Colour, default=Colour.BLUE)
    kind = models.CharField(max_length=20, choices=Kind, default=Kind.SANDBOX)
    base_url = models.CharField(max_length=300)
    # The key's own tenant: listTenants leaves it out, so it has to be set here (contract README).
    tenant_guid = models.CharField(max_length=40, blank=True, default="", validators=[tenant_form])
    # The addresses from which the portal calls, in the form of the key's allow-list
    # (addresses.validate_egress_addresses).
    egress_addresses = models.CharField(max_length=EGRESS_LIMIT, blank=True, default="")
    # Age of the credential in days from which users are reminded to replace it; 0: never.
    remind_after_days = models.PositiveIntegerField(default=90, validators=[MaxValueValidator(3650)])
    is_paused = models.BooleanField(default=False)
    # Nothing is sent before this time, because the gateway asked for that (Retry-After).
    retry_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["slug"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Raise ValidationError for an address that must not receive an API key and other bad values."""
        wrong: dict[str, str] = {}
        for field, check in (
            ("base_url", validate_base_url),
            ("egress_addresses", validate_egress_addresses),
        ):
            try:
                setattr(self, field, check(getattr(self, field)))
            except ValueError as error:
                wrong[field] = str(error)
        if self.kind == self.Kind.PRODUCTION:
            self.colour = self.Colour.RED
        elif self.colour == self.Colour.RED:
            wrong["colour"] = "Red means production. Choose another colour for a sandbox."
        if wrong:
            raise ValidationError(wrong)


class Credential(models.Model):
    """One version of a connection's API key and password. Stored sealed, never shown again, only replaced.

    new → tested → active → previous → revoked. Going back makes previous and active change places. A revoked
    version holds no value any more: the database itself insists on that, on one active version and one on its
    way. `suspect_since`: when the gateway turned the active version down, until it works again.
    """

    class State(models.TextChoices):
        """The state of a version."""

        NEW = "new", "Not tested"
        TESTED = "tested", "Tested"
        ACTIVE = "active", "Active"
        PREVIOUS = "previous", "Previous"
        REVOKED = "revoked", "Revoked"

    ON_ITS_WAY = (State.NEW, State.TESTED)

    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="credentials")
    version = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State, default=State.ACTIVE)
    sealed_api_key = models.TextField(blank=True)
    sealed_password = models.TextField(blank=True)
    api_key_fingerprint = models.CharField(max_length=16)
    password_fingerprint = models.CharField(max_length=16)
    # Names as they were at that time, so that they outlast the user.
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=200)
    tested_at = models.DateTimeField(null=True, blank=True)
    test_problem = models.CharField(max_length=20, blank=True, default="")
    activated_at = models.DateTimeField(null=True, blank=True)
    activated_by = models.CharField(max_length=200, blank=True, default="")
    replaced_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.CharField(max_length=200, blank=True, default="")
    last_success_at = models.DateTimeField(null=True, blank=True)
    last_failure_at = models.DateTimeField(null=True, blank=True)
    suspect_since = models.DateTimeField(null=True, blank=True)
    suspect_words = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["connection", "-version"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection", "version"], name="credential_version_once"),
            models.UniqueConstraint(
                fields=["connection"], condition=models.Q(state="active"), name="credential_one_active"
            ),
            models.UniqueConstraint(
                fields=["connection"],
                condition=models.Q(state__in=["new", "tested"]),
                name="credential_one_on_its_way",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="revoked") | models.Q(sealed_api_key="", sealed_password=""),
                name="credential_revoked_is_empty",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.connection.slug} v{self.version} ({self.state})"

    def context(self, part: str) -> str:
        """Return what a sealed `part` ("api_key", "password") is bound to: slug, version and part.

        Moved to another row, version or field, it does not open. All three stay as they are for the life of
        a row, whatever its state: encrypting it with another key uses the same context.
        """
        return f"credential:{self.connection.slug}:{self.version}:{part}"

    @property
    def in_use_since(self) -> datetime:
        """When its age starts: at its first activation, or when it was stored if it was never active."""
        return self.activated_at or self.created_at

    @property
    def due_at(self) -> datetime | None:
        """When the active version should be replaced; None if no reminder is set."""
        days = self.connection.remind_after_days
        return self.in_use_since + timedelta(days=days) if self.state == self.State.ACTIVE and days else None

    @property
    def is_due(self) -> bool:
        """Whether users are reminded now."""
        return self.due_at is not None and self.due_at <= timezone.now()
