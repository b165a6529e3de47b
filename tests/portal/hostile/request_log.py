"""What someone sent, saw and caused, kept so that it can be searched for the secrets they typed."""

import io
import secrets as random

from django.core import mail

from tests.portal.hostile.leaks import database_bytes, found_in, packed_bytes

FORMS = (
    *(
        "credential key",
        "credential password",
        "pasted badly",
        "sign-in",
        "chosen",
        "old",
        "shared",
        "config",
    ),
    *("refused", "unknown", "edited", "machine", "machine taken", "machine new", "broken", "first"),
    *("header", "cookie", "local"),
)


class RequestLog:
    """Sends what a person would and keeps every answer and log line."""

    def __init__(self, browser):
        self.browser, self.seen, self.log = browser, [], io.StringIO()
        self.secrets = {name: f"Kn\"<&>'/+=%é {name} {random.token_hex(5)}-Aa1!" for name in FORMS}

    def __getitem__(self, name):
        return self.secrets[name]

    def get(self, path, **query):
        return self._kept("GET", path, self.browser.get(path, query))

    def post(self, path, browser=None, **values):
        return self._kept("POST", path, (browser or self.browser).post(path, values))

    def _kept(self, method, path, answer):
        body = b"".join(answer) if answer.streaming else answer.content
        self.seen.append((f"{method} {path}", answer.serialize_headers() + b"\n" + body))
        return answer

    def leaks(self):
        """Where a secret was seen: an address, the log, a mail, the database."""
        places = [*self.seen, ("the log", self.log.getvalue().encode()), ("the database", database_bytes()),
                  ("packed in the database", packed_bytes()),
                  *(("a mail", text.encode()) for one in mail.outbox for text in mailed(one))]  # fmt: skip
        return {(place, name) for place, text in places for name in found_in(text, self.secrets)}


def mailed(one):
    """A mail as it travels, and its parts as they are read: as travelling they may be encoded."""
    return str(one.message()), one.subject, one.body, *(part.content for part in one.alternatives)
