"""Saves, offers and removes unsent forms.

A form that keeps drafts carries a signed token: whose form it is, where it is, and which of its fields are
secrets. The token lets a form be kept after its session ended, without trusting the browser: it was issued to
a signed-in person, and the draft opens for that person only.
"""

import json
import logging
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core import signing
from django.db import DatabaseError, transaction
from django.http import HttpRequest, QueryDict
from django.urls import Resolver404, ResolverMatch, resolve
from django.utils import timezone
from django.utils.crypto import get_random_string

from portal.core.permissions import PERMISSIONS
from portal.core.view_access import PUBLIC, SIGNED_IN, get_access
from portal.form_drafts.models import ClosedForm, FormDraft
from provisioning import encryption
from provisioning.registry import Registry

logger = logging.getLogger(__name__)

KEPT_FOR = timedelta(hours=24)
SECRETS_KEPT_FOR = timedelta(minutes=10)
MAX_DRAFTS = 20
MAX_CHARACTERS = 300_000
# Nobody is signed in while these are saved, so they are few.
MAX_SIGNED_OUT_SAVES = 20
NONCE_LENGTH = 22
TOKEN, DRAFT, WAIVED, TYPED_SECRETS = "draft_token", "draft", "leave_secret", "draft_secrets"
_SALT = "portal.form_drafts"
# Belong to one page or one submission; a draft gets new ones.
_NOT_KEPT = {"csrfmiddlewaretoken", "submission", "again", TOKEN, DRAFT, WAIVED, TYPED_SECRETS}
_NOT_IN_PATH = {DRAFT, "change"}
# Each returns whether the page of a form is open to a user; given the user, the page's address and its query.
PAGE_CHECKS: Registry[Callable[[Any, ResolverMatch, QueryDict], bool]] = Registry("checks of forms' pages")
# Each returns whether a user's form may have been sent; given the user's id, the form's nonce and since when.
SENT_CHECKS: Registry[Callable[[Any, str, datetime], bool]] = Registry("checks of sent forms")
# Field name → whether a text typed into it has to be treated as a secret.
SECRET_TEXTS: Registry[Callable[[str], bool]] = Registry("fields whose text may be a secret")


@dataclass(frozen=True, slots=True)
class FormToken:
    """The content of a form's token: its user, address, title and the names of its secret fields.

    `nonce` is different each time a form is shown; a form without one never counts as closed. `continues` is
    the `form` that the draft filled in had when the form was shown, `kept` the names of its secrets.
    """

    user_id: int
    path: str
    title: str
    secrets: list[str]
    nonce: str = ""
    continues: str = ""
    kept: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class KeptSecrets:
    """Secrets typed before: the `names` of all, the `values` (posted name → texts) kept until `until`."""

    names: list[str] = field(default_factory=list)
    values: Mapping[str, list[str]] = field(default_factory=dict, repr=False)
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class OpenDraft:
    """A decrypted draft of the current user.

    `uncertain` if the form may have been sent all the same, `unsent` if it is known that it was not. Neither
    is known of what was saved while typing: the browser may have crashed after the form was submitted.
    """

    id: uuid.UUID
    path: str
    title: str
    saved_at: datetime
    fields: QueryDict = field(repr=False)
    secrets: KeptSecrets
    uncertain: bool = False
    unsent: bool = False
    form: str = ""

    @property
    def url(self) -> str:
        """The address of the form with the draft filled in."""
        return f"{self.path}{'&' if '?' in self.path else '?'}{DRAFT}={self.id}"


def form_path(request: HttpRequest) -> str:
    """Return the address of a form without parameters that only fill it in."""
    parts = urlsplit(request.get_full_path())
    query = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in _NOT_IN_PATH]
    return f"{parts.path}?{urlencode(query)}" if query else parts.path


def issue_token(
    user_id: Any, path: str, title: str, secrets: Iterable[str], draft: OpenDraft | None = None
) -> str:
    """Return the token for the form at `path`, for one user. `draft` is filled in."""
    nonce, continues = get_random_string(NONCE_LENGTH), draft.form if draft else ""
    kept = draft.secrets.names if draft else []
    content = [user_id, path, title[:200], sorted(secrets), nonce, continues, kept]
    return signing.dumps(content, salt=_SALT)


def read_token(text: str) -> FormToken | None:
    """Return the content of a token; None if it is missing, forged or older than a session can be."""
    try:
        return FormToken(*signing.loads(text, salt=_SALT, max_age=settings.SESSION_COOKIE_AGE))
    except (signing.BadSignature, ValueError, TypeError):
        return None


def owns(name: str, posted: str) -> bool:
    """Return whether a posted name belongs to the form field: widgets with several inputs extend it."""
    return posted == name or posted.startswith((f"{name}_", f"{name}-", f"{name}."))


def save_posted(
    request: HttpRequest, data: QueryDict | None = None, *, uncertain: bool = False
) -> OpenDraft | None:
    """Keep what was posted and not sent, secrets for some minutes; once per request.

    `data` is what was posted if the view completed it; `uncertain` if it may have been sent, otherwise it is
    known that it was not. None if the form
    keeps no draft or it cannot be kept: nothing that goes wrong here may replace the answer.
    """
    if not hasattr(request, "_saved_draft"):
        request._saved_draft = None  # type: ignore[attr-defined]
        token = posted_token(request)
        if token is not None:
            posted = request.POST if data is None else data
            request._saved_draft = _try_to_store(  # type: ignore[attr-defined]
                request, token, posted, with_secrets=not is_autosave(request), uncertain=uncertain
            )
    saved: OpenDraft | None = request._saved_draft  # type: ignore[attr-defined]
    return saved


def autosave(request: HttpRequest) -> OpenDraft | None:
    """Keep what a page sends while the user types: no secrets, only which of them were typed.

    None for a form that was accepted, or may have been sent, in between: an autosave can arrive late. None if
    the form's page is no longer open to the user.
    """
    token = posted_token(request)
    return _try_to_store(request, token, request.POST, with_secrets=False) if token else None


def is_autosave(request: HttpRequest) -> bool:
    """Return whether the request saves or discards a draft, and sends no form."""
    match = request.resolver_match
    return match is not None and match.namespace == "form_drafts"


def posted_token(request: HttpRequest) -> FormToken | None:
    """Return the token of a posted form, if it belongs to the current user."""
    token = read_token(request.POST.get(TOKEN, ""))
    if token is None or (request.user.is_authenticated and request.user.pk != token.user_id):
        return None
    return token


def open_draft(request: HttpRequest) -> OpenDraft | None:
    """Return the draft that the request names, if it is the user's own and not too old.

    If another tab has continued it since this form was shown, its secrets have to be typed again.
    """
    source = request.POST if request.method == "POST" else request.GET
    try:
        wanted = uuid.UUID(source.get(DRAFT, ""))
    except ValueError:
        return None
    row = drafts_of(request.user.pk).filter(pk=wanted).first()
    draft = _decrypt(row) if row else None
    token = posted_token(request) if request.method == "POST" else None
    if draft and token and draft.form not in (token.nonce, token.continues):
        return replace(draft, secrets=KeptSecrets(token.kept))
    return draft


def find_waiting(draft_id: str) -> str:
    """Return "unsent" for a draft whose form was certainly not sent, "saved" for another, "" for none.

    The user is not known yet.
    """
    try:
        row = FormDraft.objects.filter(pk=uuid.UUID(draft_id)).first()
    except ValueError:
        return ""
    draft = _decrypt(row) if row else None
    if draft is None:
        return ""
    return "unsent" if draft.unsent else "saved"


def list_shown_secrets(request: HttpRequest) -> list[str]:
    """Return the secrets of the draft with which the posted form was filled in, even if the draft is gone."""
    token = posted_token(request) if request.method == "POST" else None
    return token.kept if token else []


def drafts_for(request: HttpRequest) -> list[OpenDraft]:
    """Return the drafts to offer on the form's page, newest first."""
    rows = drafts_of(request.user.pk).filter(path=form_path(request))[:MAX_DRAFTS]
    return [draft for draft in map(_decrypt, rows) if draft]


def draft_at(user_id: Any, path: str) -> OpenDraft | None:
    """Return the user's newest draft of the form at an address."""
    row = drafts_of(user_id).filter(path=path).first()
    return _decrypt(row) if row else None


def drafts_of(user_id: Any) -> Any:
    """Return the rows of a user that are still offered."""
    return FormDraft.objects.filter(user_id=user_id, updated_at__gt=timezone.now() - KEPT_FOR)


def list_drafts(user: Any) -> list[OpenDraft]:
    """Return the drafts of a user whose pages are still open to them, newest first.

    The title of a draft may name an entity, which the user may have lost access to.
    """
    found = [_decrypt(row) for row in drafts_of(user.pk)[:MAX_DRAFTS] if _may_open(user, row.path)]
    return [draft for draft in found if draft]


def _may_open(user: Any, path: str) -> bool:
    """Return whether the page of a form still shows the form to this user."""
    try:
        match = resolve(urlsplit(path).path)
    except Resolver404:
        return False
    needed = get_access(match.func)
    if needed not in (PUBLIC, SIGNED_IN) and not (needed in PERMISSIONS and user.has_perm(str(needed))):
        return False
    query = QueryDict(urlsplit(path).query)
    return all(is_open(user, match, query) for is_open in PAGE_CHECKS.values())


def discard_draft(user_id: Any, draft_id: uuid.UUID) -> str:
    """Delete a draft of the person; return the address of its form, "" if there is none."""
    row = FormDraft.objects.filter(user_id=user_id, pk=draft_id).first()
    if row is None:
        return ""
    row.delete()
    return str(row.path)


def take_over_draft(request: HttpRequest) -> None:
    """Make the draft that a posted form continues its own, unless another tab did so before."""
    token = posted_token(request)
    row = _find_own_row(token, request.POST.get(DRAFT, "")) if token else None
    if token and row and row.form != token.nonce:
        FormDraft.objects.filter(pk=row.pk, form=row.form).update(form=token.nonce)


def close_draft(request: HttpRequest, *, led_to: str = "") -> None:
    """Delete the draft of a form that was accepted; later autosaves of the form save nothing.

    `led_to` is the address to which the portal goes now.
    """
    token = posted_token(request)
    if token is None:
        return
    with transaction.atomic():
        # An autosave at the same time takes the same lock: it ends before, or finds the form closed.
        get_user_model().objects.select_for_update().filter(pk=token.user_id).first()
        _record_closed(token, urlsplit(led_to).path)
        row = _find_own_row(token, request.POST.get(DRAFT, ""))
        if row:
            row.delete()


def find_result(request: HttpRequest) -> str:
    """Return the address to which the posted form led when it was accepted; "" if it was not."""
    token = posted_token(request)
    if token is None or not token.nonce:
        return ""
    closed = ClosedForm.objects.filter(user_id=token.user_id, nonce=token.nonce)
    return closed.values_list("led_to", flat=True).first() or ""


def relink_closed_forms(user_id: Any, path: str, to: str) -> None:
    """Let the accepted forms that led to one address lead to another, which has replaced it."""
    ClosedForm.objects.filter(user_id=user_id, led_to=path).update(led_to=to)


def close_drafts(path: str) -> None:
    """Delete the drafts of the form at an address, of all users: the form is gone."""
    FormDraft.objects.filter(path=path).delete()


def move_draft(user_id: Any, path: str, to: str, *, title: str, names: Iterable[str]) -> None:
    """Offer what a user typed into the fields `names` of one form in another form, which has no draft yet."""
    row = drafts_of(user_id).filter(path=path).first()
    draft = _decrypt(row) if row else None
    if row is None or draft is None:
        return
    fields = {name: draft.fields.getlist(name) for name in names if draft.fields.get(name)}
    if fields:
        content = {"title": title, "fields": fields, "secrets": [], "uncertain": draft.uncertain}
        row.path, row.sealed_secrets, row.form = to, "", get_random_string(NONCE_LENGTH)
        row.sealed_fields = encryption.seal(json.dumps(content), context=row.context("sealed_fields"))
        row.save()


def remove_expired() -> None:
    """Delete drafts after a day, their secrets after some minutes, closed forms once their tokens expired."""
    now = timezone.now()
    token_age = timedelta(seconds=settings.SESSION_COOKIE_AGE)
    ClosedForm.objects.filter(closed_at__lte=now - token_age).delete()
    FormDraft.objects.filter(updated_at__lte=now - KEPT_FOR).delete()
    late = FormDraft.objects.filter(secrets_until__lte=now).exclude(sealed_secrets="")
    late.update(sealed_secrets="")


def fill_secrets(posted: QueryDict, kept: KeptSecrets) -> tuple[QueryDict, list[str]]:
    """Complete a posted form with the secrets that were typed before.

    Returns the data, and the names of secrets that have to be typed again: they were typed once, are no
    longer kept, and the person did not say that they should be left out.
    """
    data, missing = posted.copy(), []
    for name in kept.names:
        blank = not any(text for key in posted if owns(name, key) for text in posted.getlist(key))
        if not blank or name in posted.getlist(WAIVED):
            continue
        values = {key: texts for key, texts in kept.values.items() if owns(name, key)}
        for key, texts in values.items():
            data.setlist(key, texts)
        if not values:
            missing.append(name)
    return data, missing


def _try_to_store(
    request: HttpRequest,
    token: FormToken,
    posted: QueryDict,
    *,
    with_secrets: bool,
    uncertain: bool = False,
) -> OpenDraft | None:
    signed_in = request.user.is_authenticated
    try:
        return _store(token, posted, with_secrets=with_secrets, signed_in=signed_in, uncertain=uncertain)
    except (DatabaseError, encryption.KeyringError) as error:
        logger.warning("A form draft could not be kept: %s", type(error).__name__)
        return None


def _store(
    token: FormToken, posted: QueryDict, *, with_secrets: bool, signed_in: bool, uncertain: bool
) -> OpenDraft | None:
    """Write the row of this person and form. None if it is too large, closed, or nobody may write it."""
    plain, secret = _split(posted, token.secrets)
    if len(token.path) > 1000 or len(json.dumps([plain, secret])) > MAX_CHARACTERS:
        return None
    now = timezone.now()
    with transaction.atomic():
        # The lock makes the saves of one person queue, so that their number is bounded.
        person = get_user_model().objects.select_for_update().filter(pk=token.user_id, is_active=True).first()
        if person is None:
            return None
        closed = ClosedForm.objects.filter(user=person, nonce=token.nonce)
        if not with_secrets and (closed.exists() or not _may_open(person, token.path)):
            return None
        if uncertain:
            _record_closed(token)
        row = _find_own_row(token, posted.get(DRAFT, ""))
        if row is None:
            row = FormDraft(user_id=token.user_id, path=token.path)
        if not signed_in and row.signed_out_saves >= MAX_SIGNED_OUT_SAVES:
            return _decrypt(row)
        row.signed_out_saves = 0 if signed_in else row.signed_out_saves + 1
        row.form = token.nonce
        # A form that does not continue this draft replaces it: secrets of another form are not its own.
        continues = bool(row.sealed_fields) and posted.get(DRAFT) == str(row.pk)
        before = _decrypt(row) if continues else None
        kept = before.secrets if before else KeptSecrets(token.kept)
        uncertain = uncertain or bool(before and before.uncertain)
        # A secret left blank is the one kept from before, unless it was to be left out.
        waived = posted.getlist(WAIVED)
        replaced = [key for key, texts in plain.items() if any(texts)]
        names = {name for name in kept.names if name not in [*waived, *replaced]}
        names |= set(_find_typed(posted, token.secrets))
        values = {key: texts for key, texts in kept.values.items() if any(owns(name, key) for name in names)}
        content = {"title": token.title, "fields": plain, "secrets": sorted(names), "uncertain": uncertain}
        # Known of this form only: it ends when another form takes the draft over.
        content["unsent"] = token.nonce if with_secrets and not uncertain else None
        row.sealed_fields = encryption.seal(json.dumps(content), context=row.context("sealed_fields"))
        if with_secrets:
            row.secrets_until = now + SECRETS_KEPT_FOR
            values |= secret
        if with_secrets or not continues or len(values) != len(kept.values):
            sealed = (
                encryption.seal(json.dumps(values), context=row.context("sealed_secrets")) if values else ""
            )
            row.sealed_secrets = sealed
        row.updated_at = now
        row.save()
        old = FormDraft.objects.filter(user_id=token.user_id).order_by("-updated_at")[MAX_DRAFTS:]
        FormDraft.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()
    return _decrypt(row)


def _find_own_row(token: FormToken, draft_id: str) -> FormDraft | None:
    """Return the draft that a form writes: its own, or the one filled in unless another tab continued it."""
    rows = FormDraft.objects.filter(user_id=token.user_id, path=token.path)
    own = rows.filter(form=token.nonce).first()
    if own or not draft_id:
        return own
    return next((row for row in rows.filter(form=token.continues) if str(row.pk) == draft_id), None)


def _record_closed(token: FormToken, led_to: str = "") -> None:
    if token.nonce:
        values = {"led_to": led_to} if led_to and len(led_to) <= 1000 else {}
        ClosedForm.objects.update_or_create(
            user_id=token.user_id,
            nonce=token.nonce,
            defaults=values,
            create_defaults={"closed_at": timezone.now(), **values},
        )


def _split(posted: QueryDict, secrets: list[str]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """(what may be shown again, what may not) of a posted form; blank secrets are neither."""
    plain: dict[str, list[str]] = {}
    secret: dict[str, list[str]] = {}
    for key in posted:
        texts = posted.getlist(key)
        is_secret_text = key in SECRET_TEXTS and any(SECRET_TEXTS.get(key)(text) for text in texts)
        if is_secret_text or any(owns(name, key) for name in secrets):
            if any(texts):
                secret[key] = texts
        elif key not in _NOT_KEPT:
            plain[key] = texts
    return plain, secret


def _find_typed(posted: QueryDict, secrets: list[str]) -> list[str]:
    """Return the secret fields that were typed: their values are posted, or an autosave names them."""
    _, values = _split(posted, secrets)
    named = posted.getlist(TYPED_SECRETS)
    typed = [name for name in secrets if name in named or any(owns(name, key) for key in values)]
    return typed + [key for key in values if key in SECRET_TEXTS and key not in typed]


def _decrypt(row: FormDraft) -> OpenDraft | None:
    """Return the draft of a row; None if no configured key decrypts it."""
    try:
        content = json.loads(_unseal(row, "sealed_fields"))
        in_time = row.secrets_until is not None and row.secrets_until > timezone.now()
        values = json.loads(_unseal(row, "sealed_secrets")) if in_time and row.sealed_secrets else {}
    except encryption.KeyringError:
        return None
    fields = QueryDict(mutable=True)
    for key, texts in content["fields"].items():
        fields.setlist(key, texts)
    secrets = KeptSecrets(content["secrets"], values, row.secrets_until if values else None)
    # A server that was killed, or a locked database, could not delete the draft of a form that was sent.
    uncertain = content.get("uncertain", False) or any(
        was_sent(row.user_id, row.form, row.updated_at) for was_sent in SENT_CHECKS.values()
    )
    unsent = not uncertain and content.get("unsent") == row.form
    title, saved_at = content["title"], row.updated_at
    return OpenDraft(row.pk, row.path, title, saved_at, fields, secrets, uncertain, unsent, row.form)


def _unseal(row: FormDraft, column: str) -> str:
    text: str = encryption.unseal(getattr(row, column), context=row.context(column)).reveal()
    return text
