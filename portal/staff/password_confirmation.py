"""The password of a signed-in user, asked for again at step-up and before they set another one.

Wrong ones are counted apart from those at the sign-in page: a stranger who locks a name there must not stop
its owner, who is already signed in.
"""

from allauth.account.adapter import get_adapter
from allauth.account.forms import ChangePasswordForm
from allauth.core import context
from django.http import HttpRequest

from portal.staff.identity import person_ref
from portal.staff.login_throttle import limit_attempts, own_password_slot
from portal.staff.models import User
from portal.staff.password_forms import PlainForm


class OwnPasswordForm(PlainForm, ChangePasswordForm):  # type: ignore[misc]
    """allauth's form for another password, with the attempt limit on the old one."""

    def clean_oldpassword(self) -> str:
        """Raise ValidationError if it is wrong, or after too many wrong ones."""
        password: str = self.cleaned_data["oldpassword"]
        is_right = check_own_password(request=context.request, person=self.user, password=password)
        if not is_right:
            raise get_adapter().validation_error("enter_current_password")
        return password


def check_own_password(*, request: HttpRequest, person: User, password: str) -> bool:
    """Return whether it is the user's password. Raises ValidationError after LOGIN_ATTEMPTS wrong ones."""
    with limit_attempts(
        request,
        slot=own_password_slot(person),
        target=person_ref(person),
        failed="session.step_up_failed",
        locked="session.step_up_locked",
    ) as attempt:
        attempt.accepted = person.check_password(password)
    return attempt.accepted
