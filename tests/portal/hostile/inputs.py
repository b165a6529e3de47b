"""What a hostile visitor sends: values, and whole requests made of them by hypothesis."""

import json
from random import Random
from typing import Any
from urllib.parse import quote

from django.urls import reverse
from hypothesis import strategies as st

from tests.access_table import TABLE

MEGABYTE = "x" * 1024 * 1024
# Where a page is to lead on to; none of them can even be taken apart.
BROKEN_ADDRESSES = ("//[", "//a]", "http://[", "http://[::1", "//\u2100", "https://a\uff03b/")
NASTY = (
    "", "\x00", "a\x00b", "\ud800", "\uffff\U0010ffff", "x" * 300, "x" * 5000, "-1", "1e400", "NaN",
    "9" * 5000,
    str(2**63), str(-(2**70)), "..", "../../x", "..%2f..", "a/b", "a?b#c", "a\r\nX-Evil: 1", "%00", "%ff",
    "'; --",
    *BROKEN_ADDRESSES,
    "{{7*7}}", "<script>", "[]", "{}", '{"a":' * 900 + "1" + "}" * 900, '{"a": 1e400}', "ﷺ" * 40,
    MEGABYTE,
)  # fmt: skip
SHORT = tuple(value for value in NASTY if len(value) < 6000)
# Beyond the fields of its own form, every address is sent these.
QUERY = (
    "q", "page", "sort", "status", "tenant", "merchant", "country", "type", "mode", "change", "state", "mine",
    "before", "after", "since", "until", "field", "value", "text", "action", "actor", "object", "connection",
    "outcome", "next", "preset", "format", "reason", "confirmation", "submission", "base", "op",
)  # fmt: skip
# Pages that lead on to the address they are given: half of them are given one.
LEADING_ON = ("account_", "mfa_", "staff:sso_")
METHODS = ("GET", "POST", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "SEND", "get", "\x7f")
KINDS = (
    "application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf-16",
    "multipart/form-data", "multipart/form-data; boundary=x", "multipart/form-data; boundary=\xff",
    "multipart/form-data; boundary=" + "y" * 300, "application/json", "text/plain; charset=rot13",
    "image/png", "", ";;;=", "a" * 2000,
)  # fmt: skip
HEADERS = (
    "HTTP_ACCEPT", "HTTP_ACCEPT_ENCODING", "HTTP_ACCEPT_LANGUAGE", "HTTP_AUTHORIZATION", "HTTP_COOKIE",
    "HTTP_FORWARDED", "HTTP_HOST", "HTTP_HX_REQUEST", "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_NONE_MATCH",
    "HTTP_ORIGIN", "HTTP_RANGE", "HTTP_REFERER", "HTTP_USER_AGENT", "HTTP_X_CSRFTOKEN",
    "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_HTTP_METHOD_OVERRIDE", "HTTP_X_REQUEST_ID",
    "CONTENT_LENGTH", "REMOTE_ADDR", "HTTP_TRANSFER_ENCODING",
)  # fmt: skip

anything = st.text(st.characters(exclude_categories=()), max_size=60)  # lone surrogates, NUL, right to left
deep = st.integers(1, 1500).map(lambda depth: "[" * depth + "]" * depth)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | anything,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(anything, inner, max_size=3),
    max_leaves=6,
).map(json.dumps)
numbers = st.one_of(st.integers(), st.floats(), st.integers(-(10**400), 10**400)).map(str)
long_names = st.text(st.sampled_from("aé漢\u202e\u0301 '\"<"), min_size=256, max_size=300)
paths = st.lists(st.sampled_from(["..", ".", "%2e%2e", "//", "\\", "etc", "C:", "~", "\u2215"])).map("/".join)
texts = st.one_of(st.sampled_from(SHORT), anything, numbers, long_names, paths, documents, deep)
values = texts.map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=60)


def address(name: str, guids: dict[str, Any], **kwargs: Any) -> str:
    """The address of a page about something that exists, unless kwargs say otherwise."""
    room = name.partition(":")[0]
    known = dict(TABLE[name].kwargs)
    for key in known:
        if key == "connection":
            known[key] = "sandbox"
        if key in ("guid", "pk") and room in guids:
            create = name in ("merchant_users:create", "connectors:create")
            known[key] = guids["merchants" if create else room]
    return reverse(name, kwargs={**known, **kwargs})


class Composer:
    """Makes requests to one address out of hostile values; `random` decides which value goes where."""

    def __init__(self, name: str, guids: dict[str, Any], fields: list[str]) -> None:
        self.name, self.guids, self.fields = name, guids, fields
        self.identifiers = sorted({"guid", "connection", "uidb36", "key"} & set(TABLE[name].kwargs))

    def request(self, random: Random, values: list[bytes]) -> dict[str, Any]:
        """Method, path and body, and the rest of a WSGI environment."""
        method = random.choice(METHODS)
        environ = {"method": method, "path": self._path(random, values), "data": b""}
        if method != "GET":
            environ["data"] = self._form(random, values).encode()
            environ["CONTENT_TYPE"] = KINDS[0]
            if random.random() < 0.15:
                environ["CONTENT_TYPE"], environ["data"] = random.choice(KINDS), random.choice(values)
        if method == "GET" or random.random() < 0.3:
            environ["QUERY_STRING"] = self._pairs(random, values, [*self.fields, *QUERY])
        if self.name.startswith(LEADING_ON) and random.random() < 0.5:
            wanted = quote(_somewhere(random), safe="")
            environ["QUERY_STRING"] = f"next={wanted}&{environ.get('QUERY_STRING', '')}"
        if random.random() < 0.3:
            environ[random.choice(HEADERS)] = random.choice(values).decode("latin-1")[:9000]
        return environ

    def _path(self, random: Random, values: list[bytes]) -> str:
        """One time in eight with something else for one of its identifiers."""
        if not self.identifiers or random.random() > 0.125:
            return address(self.name, self.guids)
        path = address(self.name, self.guids, **{random.choice(self.identifiers): "MARKER"})
        return path.replace("MARKER", quote(random.choice(values), safe="") or "%20")

    def _form(self, random: Random, values: list[bytes]) -> str:
        """Every field of the page's forms, or some fields repeated and with them one that is none."""
        if self.fields and random.random() < 0.6:
            return "&".join(
                f"{quote(field)}={quote(random.choice(values), safe='')}" for field in self.fields
            )
        return self._pairs(random, values, self.fields or list(QUERY))

    def _pairs(self, random: Random, values: list[bytes], names: list[str]) -> str:
        odd = quote(random.choice(values)[:200])
        chosen = [quote(name) for name in random.choices(names, k=len(values))]
        pairs = [f"{name}={quote(value, safe='')}" for name, value in zip(chosen, values, strict=True)]
        return "&".join([*pairs, f"{odd}={odd}"])


def _somewhere(random: Random) -> str:
    """What looks like the address of a page, and perhaps cannot even be taken apart."""
    start = random.choice(("//", "http://", "https:/", "///", "\\\\", "/", "javascript:", "//user@"))
    return start + "".join(random.choices("[]@:/\\.%a1\u2100\uff03", k=random.randrange(6)))
