"""The report of a verification, its wording, and the newest verdict on the whole trail.

A trail that was found broken counts as broken until the whole of it was found unchanged. This is read from
the events, so it holds for every way to verify.
"""

from dataclasses import dataclass, field

from portal.audit.models import Event

MAX_PROBLEMS = 20
# How the verdict on a whole chain begins. find_broken_event finds recorded verdicts by it.
WHOLE = "The audit trail is whole"


@dataclass(frozen=True)
class Problem:
    """One broken place: `sequence` is the number of the row, `kind` one word, `text` for people."""

    sequence: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"Row {self.sequence}: {self.text}"


@dataclass
class VerificationReport:
    """What verification found. `rows` were read; `problems` holds the first MAX_PROBLEMS, in order.

    `extent` says in words which rows, "" for all; `unguarded` names the database's guards that are not there.
    `anchors` are the rows whose anchors were compared, `unanchored` says which anchors are missing.
    `disagreements` say what else contradicts the trail: the search index, the rights of people.
    """

    rows: int = 0
    extent: str = ""
    problems: list[Problem] = field(default_factory=list)
    unguarded: list[str] = field(default_factory=list)
    anchors: list[int] = field(default_factory=list)
    unanchored: str = ""
    disagreements: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Return whether no problem was found."""
        return not self.problems

    def add(self, sequence: int, kind: str, text: str) -> None:
        """Add a problem, up to MAX_PROBLEMS."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(sequence, kind, text))


def describe_verdict(report: VerificationReport) -> str:
    """Return the result in one sentence."""
    if report.whole:
        what = "This part of the audit trail is whole" if report.extent else WHOLE
        compared = "no anchor"
        if report.anchors:
            number = len(report.anchors)
            compared = (
                f"{number:,} anchor{'' if number == 1 else 's'}, the last at row {max(report.anchors):,}"
            )
        return f"{what}: {report.rows:,} rows verified{report.extent}, compared with {compared}"
    return f"The audit trail has been tampered with, starting at row {report.problems[0].sequence}."


def describe_warnings(report: VerificationReport) -> str:
    """Describe missing triggers and anchors and contradicting tables, "" for none."""
    guards = (
        "The database no longer protects the audit trail from changes. Missing or altered triggers: "
        f"{', '.join(report.unguarded)}."
    )
    said = (guards if report.unguarded else "", report.unanchored, *report.disagreements)
    return " ".join(text for text in said if text)


def find_broken_event() -> Event | None:
    """Return the newest finding that the trail is broken, None if all of it was found whole since.

    A part that is whole proves nothing about the rest. Two short walks of the index of actions.
    """
    broken = Event.objects.filter(action="audit.found_broken").first()
    if broken is None:
        return None
    since = Event.objects.filter(action="audit.verified", sequence__gt=broken.sequence)
    return None if since.filter(message__startswith=WHOLE).exists() else broken
