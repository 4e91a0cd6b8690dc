"""Reports of a period: durations, counts and ratings, by queue, user, line, day and hour."""

from collections.abc import AsyncIterator
from datetime import date
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

from shared.queries import reports
from shared.queries.reports import By, Counts, Duration, Group, Ratings
from shared.time_zones import build_period
from tests.support.query_rows import OURS, THEIRS, ZONE, Asking

pytestmark = pytest.mark.integration

# Attendances that began at 9:00, 9:00, 10:00 and 23:59:59 of the 30th in São Paulo, and one at
# midnight, which is of the next day.
ROWS = """
INSERT INTO "Tickets" (id, "companyId", "contactId", "whatsappId", "queueId", status) VALUES
  (1, 1, 100, 10, 1, 'closed'), (2, 1, 101, 10, 2, 'closed'), (3, 1, 102, 11, 1, 'open'),
  (501, 2, 600, 510, 501, 'open');
INSERT INTO "TicketTraking" (id, "companyId", "ticketId", "whatsappId", "userId", "queueId",
                             "createdAt", "startedAt", "finishedAt", rated) VALUES
  (1, 1, 1, 10, 1, 1, '2026-11-30 12:00Z', '2026-11-30 12:10Z', '2026-11-30 12:40Z', TRUE),
  (2, 1, 2, 10, 1, 2, '2026-11-30 12:00Z', '2026-11-30 12:20Z', '2026-11-30 13:20Z', FALSE),
  (3, 1, 3, 11, 2, 1, '2026-11-30 13:00Z', '2026-11-30 13:30Z', NULL, FALSE),
  (4, 1, 1, 10, NULL, 1, '2026-12-01 02:59:59Z', NULL, NULL, FALSE),
  (5, 1, 2, 10, 1, 2, '2026-12-01 03:00Z', '2026-12-01 05:00Z', '2026-12-01 06:00Z', FALSE),
  (501, 2, 501, 510, 501, 501, '2026-11-30 12:00Z', '2026-11-30 20:00Z', NULL, TRUE);
INSERT INTO "Messages" (id, "companyId", "whatsappId", "ticketId", wid, body, "fromMe", read,
                        "isPrivate", "createdAt") VALUES
  (1, 1, 10, 1, 'a', 'menu', TRUE, TRUE, FALSE, '2026-11-30 12:01Z'),
  (2, 1, 10, 1, 'b', 'note', TRUE, TRUE, TRUE, '2026-11-30 12:11Z'),
  (3, 1, 10, 1, 'c', 'oi?', FALSE, TRUE, FALSE, '2026-11-30 12:12Z'),
  (4, 1, 10, 1, 'd', 'answer', TRUE, TRUE, FALSE, '2026-11-30 12:15Z'),
  (5, 1, 10, 1, 'e', 'more', TRUE, TRUE, FALSE, '2026-11-30 12:16Z'),
  (6, 1, 10, 2, 'f', 'late', TRUE, TRUE, FALSE, '2026-11-30 14:00Z'),
  (7, 1, 11, 3, 'g', 'at once', TRUE, TRUE, FALSE, '2026-11-30 13:30Z');
INSERT INTO "UserRatings" ("companyId", "ticketId", "userId", rate, "createdAt") VALUES
  (1, 1, 1, 10, '2026-11-30 12:45Z'), (1, 2, 1, 6, '2026-11-30 13:30Z'),
  (1, 3, 2, 8, '2026-11-30 14:00Z'), (1, 1, 2, 9, '2026-12-01 12:00Z'),
  (2, 501, 501, 0, '2026-11-30 12:45Z')
"""
DAY = date(2026, 11, 30)
PERIOD = build_period(ZONE, DAY, DAY)


@pytest_asyncio.fixture(autouse=True)
async def inserted(asking: Asking) -> AsyncIterator[None]:
    await asking.insert(ROWS)
    yield


def describe(duration: Duration) -> tuple[float, ...]:
    """Return the number of cases, and mean, median and p90 in minutes."""
    parts = (duration.mean, duration.median, duration.p90)
    return (duration.count, *(part / 60 for part in parts if part is not None))


async def test_times_are_from_the_beginning_to_the_acceptance_the_answer_and_the_end(
    asking: Asking,
) -> None:
    (total,) = await asking.ask(reports.build_times(OURS, PERIOD, ZONE, By.TOTAL))
    assert total.group == Group(None, "total")
    assert total.attendances == 4
    assert describe(total.waiting) == pytest.approx((3, 20, 20, 28))
    # 15 and 30 minutes: no menu before the acceptance, no note, nothing after the end.
    assert describe(total.response) == pytest.approx((2, 22.5, 22.5, 28.5))
    assert describe(total.service) == pytest.approx((2, 45, 45, 57))


async def test_messages_of_a_transferred_ticket_are_those_of_its_successor(
    asking: Asking,
) -> None:
    await asking.insert("""
        INSERT INTO "Tickets" (id, "companyId", "contactId", "whatsappId", status)
          VALUES (9, 1, 100, 11, 'closed');
        INSERT INTO "TicketSuccessors" ("companyId", "ticketId", "successorId") VALUES (1, 1, 9);
        UPDATE "Messages" SET "ticketId" = 9 WHERE "ticketId" = 1""")
    (total,) = await asking.ask(reports.build_times(OURS, PERIOD, ZONE, By.TOTAL))
    assert total.response.count == 2


async def test_a_group_without_a_case_has_no_times(asking: Asking) -> None:
    rows = await asking.ask(reports.build_times(OURS, PERIOD, ZONE, By.USER))
    assert [(row.group, row.attendances) for row in rows] == [
        (Group(1, "Ana"), 2),
        (Group(2, "Bia"), 1),
        (Group(None, None), 1),
    ]
    assert rows[2].waiting == Duration(0, None, None, None)


@pytest.mark.parametrize(
    ("by", "counts"),
    [
        (By.TOTAL, [Counts(Group(None, "total"), 4, 3, 2, 1)]),
        (
            By.QUEUE,
            [Counts(Group(1, "Vendas"), 3, 2, 1, 1), Counts(Group(2, "Suporte"), 1, 1, 1, 0)],
        ),
        (
            By.LINE,
            [Counts(Group(10, "Centro"), 3, 2, 2, 1), Counts(Group(11, "Norte"), 1, 1, 0, 0)],
        ),
        (By.DAY, [Counts(Group(None, "2026-11-30"), 4, 3, 2, 1)]),
        (
            By.HOUR,
            [
                Counts(Group(None, "09"), 2, 2, 2, 1),
                Counts(Group(None, "10"), 1, 1, 0, 0),
                Counts(Group(None, "23"), 1, 0, 0, 0),
            ],
        ),
    ],
)
async def test_attendances_are_counted_by(asking: Asking, by: By, counts: list[Counts]) -> None:
    assert list(await asking.ask(reports.build_counts(OURS, PERIOD, ZONE, by))) == counts


async def test_a_period_of_two_days_has_a_row_for_each(asking: Asking) -> None:
    period = build_period(ZONE, DAY, date(2026, 12, 1))
    rows = await asking.ask(reports.build_counts(OURS, period, ZONE, By.DAY))
    assert [(row.group.name, row.begun) for row in rows] == [("2026-11-30", 4), ("2026-12-01", 1)]


async def test_ratings_have_their_mean_and_nps(asking: Asking) -> None:
    (total,) = await asking.ask(reports.build_ratings(OURS, PERIOD, ZONE, By.TOTAL))
    assert total == Ratings(Group(None, "total"), 3, 8.0, 1, 1, 1, 0.0)
    by_user = await asking.ask(reports.build_ratings(OURS, PERIOD, ZONE, By.USER))
    assert [(row.group, row.mean, row.nps) for row in by_user] == [
        (Group(1, "Ana"), 8.0, 0.0),
        (Group(2, "Bia"), 8.0, 0.0),
    ]


@pytest.mark.parametrize(
    ("by", "groups"),
    [
        (By.QUEUE, [("Vendas", 2), ("Suporte", 1)]),
        (By.LINE, [("Centro", 2), ("Norte", 1)]),
        (By.DAY, [("2026-11-30", 3)]),
        (By.HOUR, [("09", 1), ("10", 1), ("11", 1)]),
    ],
)
async def test_ratings_are_counted_by(
    asking: Asking, by: By, groups: list[tuple[str, int]]
) -> None:
    rows = await asking.ask(reports.build_ratings(OURS, PERIOD, ZONE, by))
    assert [(row.group.name, row.ratings) for row in rows] == groups


@pytest.mark.parametrize("by", list(By))
async def test_a_reader_of_another_company_gets_no_row(asking: Asking, by: By) -> None:
    for company, reader in ((OURS, THEIRS), (THEIRS, OURS)):
        assert await asking.ask(reports.build_times(company, PERIOD, ZONE, by), reader) == ()
        assert await asking.ask(reports.build_counts(company, PERIOD, ZONE, by), reader) == ()
        assert await asking.ask(reports.build_ratings(company, PERIOD, ZONE, by), reader) == ()


# In New York clocks went from 2:00 to 3:00 on 2026-03-08, and from 2:00 to 1:00 on 2026-11-01.
NEW_YORK = ZoneInfo("America/New_York")
HOURLY = """
INSERT INTO "TicketTraking" ("companyId", "createdAt")
SELECT 1, timestamptz '{day} 00:30Z' + n * interval '1 hour' FROM generate_series(-24, 71) AS n
"""


@pytest.mark.parametrize(
    ("day", "hours", "twice", "missing"),
    [
        ("2026-03-08", 23, None, "02"),
        ("2026-11-01", 25, "01", None),
        ("2026-07-01", 24, None, None),
    ],
)
async def test_a_day_on_which_clocks_change_has_23_or_25_hours(
    asking: Asking, day: str, hours: int, twice: str | None, missing: str | None
) -> None:
    await asking.insert(HOURLY.format(day=day))
    of_day = date.fromisoformat(day)
    period = build_period(NEW_YORK, of_day, of_day)
    (only,) = await asking.ask(reports.build_counts(OURS, period, NEW_YORK, By.DAY))
    assert (only.group.name, only.begun) == (day, hours)
    rows = await asking.ask(reports.build_counts(OURS, period, NEW_YORK, By.HOUR))
    counted = {row.group.name: row.begun for row in rows}
    expected = {f"{hour:02}": 1 for hour in range(24)}
    if twice:
        expected[twice] = 2
    if missing:
        del expected[missing]
    assert counted == expected
