"""Provide the base class of the audit commands, which report problems in plain words."""

from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseFailure

from portal.audit.models import ChainHead
from portal.audit.recording import AuditUnavailable


class AuditCommand(BaseCommand):
    """A command that ends with a CommandError where the trail, the database or the disk refuses."""

    # The exit code of these, for a command whose own codes say something else.
    failed: ClassVar[int] = 1

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run the command. Raises CommandError for failures of trail, database and disk."""
        try:
            return super().execute(*args, **options)
        except CommandError as error:
            raise CommandError(*error.args, returncode=self.failed) from error.__cause__
        except AuditUnavailable as failure:
            words = " ".join(_get_first_line(part) for part in (failure, failure.__cause__) if part)
            raise CommandError(words, returncode=self.failed) from failure
        except DatabaseFailure as failure:
            words = f"The database does not answer as it should: {_get_first_line(failure)}"
            raise CommandError(words, returncode=self.failed) from failure
        except ChainHead.DoesNotExist as failure:
            words = "The head of the audit trail is missing. See docs/audit.md for what to do."
            raise CommandError(words, returncode=self.failed) from failure
        except OSError as failure:
            words = f"{failure.strerror or type(failure).__name__}: {failure.filename or 'the disk'}"
            raise CommandError(words, returncode=self.failed) from failure


def _get_first_line(failure: BaseException) -> str:
    """Return the first line of the error; the rest of a database error does not help users."""
    return (str(failure).splitlines() or [""])[0].strip() or type(failure).__name__
