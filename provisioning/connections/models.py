"""Connection: a gateway we speak to. Credential: the API key and password for it, sealed, in versions."""

from typing import ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models

from provisioning.connections.addresses import base_url_checked

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
        "favicon-ico",
        "health",
        "healthz",
        "imports",
        "media",
        "merchants",
        "metrics",
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


def slug_free(slug: str) -> None:
    """Raises ValidationError if the portal needs `slug` for an address of its own."""
    if slug in RESERVED_SLUGS:
        raise ValidationError(
            "“%(slug)s” is an address of the portal itself. Choose another name.", params={"slug": slug}
        )


class Connection(models.Model):
    """A gateway with its own data and credentials: a sandbox, a production."""

    class Kind(models.TextChoices):
        """What is at stake behind it; shown as the environment badge."""

        SANDBOX = "sandbox", "Sandbox"
        PRODUCTION = "production", "Production"

    slug = models.CharField(max_length=40, unique=True, validators=[slug_form, slug_free])
    name = models.CharField(max_length=100)
    colour = models.CharField(max_length=20, default="blue")
    kind = models.CharField(max_length=20, choices=Kind, default=Kind.SANDBOX)
    base_url = models.CharField(max_length=300)
    # The key's own tenant: listTenants leaves it out, so it has to be told (contract README).
    tenant_guid = models.CharField(max_length=40, blank=True, default="")
    is_paused = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    credentials: "models.Manager[Credential]"

    class Meta:
        ordering: ClassVar = ["slug"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Raises ValidationError for an address that must not get an API key."""
        try:
            self.base_url = base_url_checked(self.base_url, loopback_http=not settings.PRODUCTION)
        except ValueError as error:
            raise ValidationError({"base_url": str(error)}) from None


class Credential(models.Model):
    """One version of a connection's API key and password. Stored sealed, never shown again, only replaced."""

    class State(models.TextChoices):
        """Exactly one version is active; the one before may be looked back at, older ones are revoked."""

        ACTIVE = "active", "Active"
        PREVIOUS = "previous", "Previous"
        REVOKED = "revoked", "Revoked"

    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="credentials")
    version = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State, default=State.ACTIVE)
    sealed_api_key = models.TextField(blank=True)
    sealed_password = models.TextField(blank=True)
    api_key_fingerprint = models.CharField(max_length=16)
    password_fingerprint = models.CharField(max_length=16)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=200)  # a name, frozen: it outlives the person
    last_success_at = models.DateTimeField(null=True, blank=True)
    last_failure_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["connection", "-version"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection", "version"], name="credential_version_once"),
            models.UniqueConstraint(
                fields=["connection"], condition=models.Q(state="active"), name="credential_one_active"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.connection.slug} v{self.version} ({self.state})"

    def context(self, part: str) -> str:
        """What the sealed `part` is bound to: moved to another row, version or field, it does not open."""
        return f"credential:{self.connection.slug}:{self.version}:{part}"
