"""`chatia query reports`: times, ratings and counts of a period, by queue, user or day."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from operator import attrgetter
from typing import Annotated, Final, TypeVar
from zoneinfo import ZoneInfo

import typer

from shared.cli import acts, query_output
from shared.cli.errors import InvalidUsageError
from shared.cli.options import expand_option_groups
from shared.cli.query_format import NONE, format_seconds
from shared.cli.query_output import Form, Listing, Question
from shared.queries import reports
from shared.queries.query import Query
from shared.queries.reader import Reader
from shared.queries.reports import By, Counts, Duration, Group, Ratings, Times
from shared.time_zones import Period, build_period, find_day

app = typer.Typer(name="reports", help="Reports of a period.", no_args_is_help=True)

R = TypeVar("R", Times, Counts, Ratings)
DEFAULT_DAYS: Final = 30


def parse_day(text: str) -> date:
    """Parse a day such as 2026-11-30; raises BadParameter."""
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a day such as 2026-11-30.") from error
    if not date(1970, 1, 1) <= day < date(9999, 1, 1):
        raise typer.BadParameter(f"the year of {text} is out of range")
    return day


@dataclass(frozen=True, slots=True)
class Days:
    """Options for the days of a report, in the company's time zone."""

    first: Annotated[
        date | None,
        typer.Option(
            "--from", parser=parse_day, metavar="DAY", help="First day; 29 days before the last."
        ),
    ] = None
    last: Annotated[
        date | None,
        typer.Option("--to", parser=parse_day, metavar="DAY", help="Last day, by default today."),
    ] = None
    by: Annotated[By, typer.Option(help="One row for each.")] = By.TOTAL

    def build_period(self, zone: ZoneInfo, now: datetime) -> Period:
        """Return the period; raises InvalidUsageError if it ends before it begins."""
        last = self.last or find_day(zone, now)
        first = self.first or last - timedelta(days=DEFAULT_DAYS - 1)
        if first > last:
            raise InvalidUsageError(f"The first day, {first}, is after the last one, {last}.")
        return build_period(zone, first, last)


@app.command("times")
@expand_option_groups
def times_command(*, company: acts.CompanyOption, days: Days, form: Form) -> None:
    """Show how long contacts waited, until the first answer too, and how long users worked.

    Of the attendances that began in the period; p90 is what 90 % did not exceed.
    """
    _report(company, days, form, Times, reports.build_times)


@app.command("counts")
@expand_option_groups
def counts_command(*, company: acts.CompanyOption, days: Days, form: Form) -> None:
    """Count the attendances that began in the period, and which were accepted, ended, rated."""
    _report(company, days, form, Counts, reports.build_counts)


@app.command("ratings")
@expand_option_groups
def ratings_command(*, company: acts.CompanyOption, days: Days, form: Form) -> None:
    """Show the ratings that contacts gave in the period, with their mean and NPS."""
    _report(company, days, form, Ratings, reports.build_ratings)


def _report(
    company: int,
    days: Days,
    form: Form,
    row_type: type[R],
    build: Callable[[int, Period, ZoneInfo, By], Query[tuple[R, ...]]],
) -> None:
    now = datetime.now(UTC)

    def build_query(reader: Reader) -> Query[tuple[R, ...]]:
        period = days.build_period(reader.zone, now)
        return build(reader.company, period, reader.zone, days.by)

    cells = {str(days.by): lambda row: _describe(row.group), **CELLS[row_type]}
    question = Question(
        company, build_query, lambda rows: Listing(rows, row_type, cells, str(days.by))
    )
    query_output.answer(question, form)


def _describe(group: Group) -> str:
    """Return the name of a group; a row that was deleted has only its id."""
    if group.name is not None:
        return group.name
    return NONE if group.id is None else str(group.id)


def _describe_duration(name: str) -> dict[str, Callable[[Times], object]]:
    def read(part: str) -> Callable[[Times], object]:
        return lambda row: format_seconds(getattr(_get_duration(row, name), part))

    return {
        f"{name} median": read("median"),
        f"{name} p90": read("p90"),
        f"{name} mean": read("mean"),
    }


def _get_duration(row: Times, name: str) -> Duration:
    duration: Duration = getattr(row, name)
    return duration


CELLS: Final[dict[type, dict[str, Callable[..., object]]]] = {
    Times: {
        "attendances": attrgetter("attendances"),
        **_describe_duration("waiting"),
        **_describe_duration("response"),
        **_describe_duration("service"),
    },
    Counts: {name: attrgetter(name) for name in ("begun", "accepted", "finished", "rated")},
    Ratings: {
        "ratings": attrgetter("ratings"),
        "mean": lambda row: f"{row.mean:.1f}",
        "9-10": attrgetter("promoters"),
        "7-8": attrgetter("passives"),
        "0-6": attrgetter("detractors"),
        "NPS": lambda row: f"{row.nps:+.0f}",
    },
}
