"""The database: which one, how long to wait for it, and how connections are kept."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from portal import process
from portal.settings.environment import DATA_DIR, env

# The portal works as DATABASE_URL says. On PostgreSQL another role owns the tables (docs/audit.md): a process
# that is given it too works as the owner: for migrations, database_roles and audit_purge. No server is.
APPLICATION_DATABASE = env.db("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'portal.sqlite3'}")
_database: dict[str, Any] = env.db("DATABASE_OWNER_URL") or APPLICATION_DATABASE

# Without these a connection to a server that vanished from the network is waited for without end.
POSTGRESQL_TIMEOUTS = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
# A page waits this many seconds for a locked row or database, so that it answers within 20 seconds.
# Migrations, exports and verifications may take longer.
PAGE_WAIT, OTHER_WAIT = 15, 30
WEB_LIMITS = f"-c statement_timeout={PAGE_WAIT * 1000} -c idle_in_transaction_session_timeout=60000"

if _database["ENGINE"].endswith("sqlite3"):
    # IMMEDIATE: deferred transactions lose concurrent writes to "database is locked". FULL: an intent is
    # durable before the first byte is sent. The lock is unfair, so waiting takes time.
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": PAGE_WAIT if process.role == "web" else OTHER_WAIT,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
    # A database of an earlier version may still be readable by others: it holds session keys.
    for _suffix in ("", "-wal", "-shm"):
        with suppress(OSError):
            Path(f"{_database['NAME']}{_suffix}").chmod(0o600)
else:
    _limits = {"options": WEB_LIMITS} if process.role == "web" else {}
    _name = {"application_name": f"portal {process.role}"[:63]}
    # What the address says itself (?connect_timeout=2) comes first.
    _database["OPTIONS"] = {**POSTGRESQL_TIMEOUTS, **_limits, **_name, **_database.get("OPTIONS", {})}
_database["CONN_MAX_AGE"] = 60
_database["CONN_HEALTH_CHECKS"] = True
_database["ATOMIC_REQUESTS"] = False  # an intent must be committed before its request goes out
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Shared by all workers: allauth limits requests with it.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "portal_cache"}}
