"""What `chatia query` refuses before it asks the database."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from shared.cli.app import build_app
from shared.cli.errors import InvalidUsageError
from shared.cli.query_reports import Days
from shared.cli.query_tickets import Shown, Status
from shared.queries.tickets import STATUSES
from shared.time_zones import build_period

ZONE = ZoneInfo("America/Sao_Paulo")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("tickets", "list", "--json", "--csv"), "Give only one of --json, --csv and --explain."),
        (("tickets", "list", "--columns", "lastMesage"), "did you mean lastMessage?"),
        (("tickets", "list", "--with", "contacts"), "did you mean contact?"),
        (
            ("messages", "last", "1", "--before", "a", "--around", "2"),
            "Give only one of --before, --after and --around.",
        ),
        (("messages", "search", "  "), "Give at least one word."),
        (("contacts", "find", "?"), "Give a number with its country code"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_sentence(
    words: tuple[str, ...], complaint: str
) -> None:
    result = CliRunner().invoke(build_app("query"), ("query", *words, "--company", "1"))
    assert isinstance(result.exception, InvalidUsageError)
    assert complaint in str(result.exception)


@pytest.mark.parametrize(
    "words",
    [("tickets", "list"), ("tickets", "list", "--company", "0"), ("reports", "times", "--by", "x")],
)
def test_every_question_is_about_a_company(words: tuple[str, ...]) -> None:
    assert CliRunner().invoke(build_app("query"), ("query", *words)).exit_code == 2


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("tickets", "list", "--before", "banana"), "'banana' is not a time such as 2026"),
        (("reports", "times", "--from", "banana"), "'banana' is not a day such as 2026-11-30"),
    ],
)
def test_a_time_that_is_none_is_refused_in_a_plain_sentence(
    words: tuple[str, ...], complaint: str
) -> None:
    result = CliRunner().invoke(build_app("query"), ("query", *words, "--company", "1"))
    assert result.exit_code == 2
    said = " ".join(result.output.replace("│", " ").split())
    assert complaint in said
    assert "Value error" not in said


def test_columns_are_those_that_were_named_in_their_order_and_once() -> None:
    shown = Shown(columns="updatedAt, id,id", relations="tags,contact")
    assert shown.read() == (("updated_at", "id"), ("tags", "contact"))
    assert Shown(relations="contact").read() == (("id",), ("contact",))
    assert Shown(columns="status").read() == (("status",), ())
    assert Shown().read()[1] == ("contact", "user", "queue")


def test_every_status_can_be_chosen() -> None:
    assert {status.value for status in Status} == set(STATUSES)


def test_a_report_is_of_the_last_30_days_of_the_company() -> None:
    now = datetime(2026, 12, 1, 2, tzinfo=UTC)  # the 30th in São Paulo
    expected = build_period(ZONE, date(2026, 11, 1), date(2026, 11, 30))
    assert Days().build_period(ZONE, now) == expected
    of_day = Days(first=date(2026, 11, 5), last=date(2026, 11, 5))
    assert of_day.build_period(ZONE, now) == build_period(
        ZONE, date(2026, 11, 5), date(2026, 11, 5)
    )


def test_a_report_that_ends_before_it_begins_is_refused() -> None:
    days = Days(first=date(2026, 11, 6), last=date(2026, 11, 5))
    with pytest.raises(InvalidUsageError, match="2026-11-06, is after the last one, 2026-11-05"):
        days.build_period(ZONE, datetime(2026, 12, 1, tzinfo=UTC))
