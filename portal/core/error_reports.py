"""Error reports with only the kind and place of an error: Django's own have POST data and variables."""

from collections.abc import ItemsView
from types import TracebackType
from typing import Any

from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

from portal.core.logs import exception_chain


class SilentFilter(SafeExceptionReporterFilter):
    """Hide settings, POST data, variables and headers."""

    def get_safe_settings(self) -> dict[str, Any]:
        """Return no settings, because they contain secrets."""
        return {}

    def get_safe_request_meta(self, request: HttpRequest | None) -> dict[str, Any]:
        """Return no request headers, because they contain cookies."""
        return {}

    def get_safe_cookies(self, request: HttpRequest | None) -> dict[str, Any]:
        """Return no cookies, because they open sessions."""
        return {}

    def is_active(self, request: HttpRequest | None) -> bool:
        """Always, in DEBUG too."""
        return True

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        """Return no form values, because they can be secret."""
        return {}

    def get_traceback_frame_variables(
        self, request: HttpRequest | None, tb_frame: Any
    ) -> ItemsView[str, Any]:
        """Return no local variables, because they can be secret."""
        return dict[str, Any]().items()


class RedactingReporter(ExceptionReporter):
    """Error reports in the words of our logs: request id, kinds, places."""

    def __init__(
        self,
        request: HttpRequest | None,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
        is_email: bool = False,
    ) -> None:
        super().__init__(request, exc_type, exc_value, tb, is_email)
        # Of a line without an exception Django gives the line itself: it stands above the report already.
        self.error = exc_value if isinstance(exc_value, BaseException) else None

    def get_traceback_text(self) -> SafeString:
        """Plain text for a person with access to the source."""
        return mark_safe("\n".join(self._lines()))  # noqa: S308 - plain text

    def get_traceback_html(self) -> SafeString:
        """Return the report as a page, for DEBUG."""
        return format_html("<!DOCTYPE html><title>Error</title><pre>{}</pre>", "\n".join(self._lines()))

    def _lines(self) -> list[str]:
        lines = [f"Request: {getattr(self.request, 'request_id', '')}"]
        for link in exception_chain(self.error):
            lines += [link["kind"], *(f"  {place}" for place in link["places"])]
        return lines
