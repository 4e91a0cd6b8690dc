"""Reports of a period: times of attendances, ratings and counts, by queue, user, line, day, hour.

An attendance is counted in the period in which it began, a rating in which it was given. Days and
hours are those of the company's time zone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Row

from shared.queries.query import Query, Rows
from shared.time_zones import Period


class By(StrEnum):
    """What a report has one row for each of; `total` is one row for all."""

    TOTAL = "total"
    QUEUE = "queue"
    USER = "user"
    LINE = "line"
    DAY = "day"
    HOUR = "hour"


@dataclass(frozen=True, slots=True)
class Group:
    """What a row of a report is about.

    `id` is of a queue, user or line, and None for attendances without one; `name` is its name, a
    day such as 2026-11-30, or an hour of the day from 00 to 23.
    """

    id: int | None
    name: str | None


@dataclass(frozen=True, slots=True)
class Duration:
    """How long something took, in seconds, in the cases that were counted; None without one."""

    count: int
    mean: float | None
    median: float | None
    p90: float | None


@dataclass(frozen=True, slots=True)
class Times:
    """Times of the attendances that began in a period.

    `waiting` is from the beginning until a user accepted, `response` until our first message
    after that, `service` from the acceptance until the end.
    """

    group: Group
    attendances: int
    waiting: Duration
    response: Duration
    service: Duration


@dataclass(frozen=True, slots=True)
class Counts:
    """How many attendances began in a period, and what became of them until now."""

    group: Group
    begun: int
    accepted: int
    finished: int
    rated: int


@dataclass(frozen=True, slots=True)
class Ratings:
    """The ratings from 0 to 10 that contacts gave in a period.

    `nps` is the percentage of 9 and 10 minus that of 0 to 6, from -100 to 100.
    """

    group: Group
    ratings: int
    mean: float
    promoters: int
    passives: int
    detractors: int
    nps: float


_TABLES: Final = {By.QUEUE: "Queues", By.USER: "Users", By.LINE: "Whatsapps"}
_MEASURED: Final = ("waiting", "response", "service")


def build_times(company: int, period: Period, zone: ZoneInfo, by: By) -> Query[tuple[Times, ...]]:
    """Build how long contacts waited for users, and users worked, by median, p90 and mean."""
    measures = ",\n       ".join(
        f"""count({name}) AS {name}_count, avg({name}) AS {name}_mean,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY {name}) AS {name}_median,
       percentile_cont(0.9) WITHIN GROUP (ORDER BY {name}) AS {name}_p90"""
        for name in _MEASURED
    )
    # A transferred ticket's messages are those of its successor. Gateways' times are in seconds.
    # What messages are compared with is computed first: COALESCE and date_trunc are not leak-proof,
    # so under row-level security no index would be used.
    sql = f"""WITH begun AS MATERIALIZED (
  SELECT {_build_key(by, "k")} AS key, k."createdAt", k."startedAt", k."finishedAt",
         COALESCE((
           SELECT s."successorId" FROM "TicketSuccessors" s
           WHERE s."companyId" = :company AND s."ticketId" = k."ticketId"
         ), k."ticketId") AS "ticketId",
         date_trunc('second', k."startedAt") AS "acceptedAt",
         COALESCE(k."finishedAt", 'infinity') AS "endsAt"
  FROM "TicketTraking" k
  WHERE {_IN_PERIOD.format(table="k")}
), measured AS (
  SELECT k.key,
         CAST(extract(epoch FROM k."startedAt" - k."createdAt") AS float8) AS waiting,
         CAST(extract(epoch FROM CASE WHEN first.at < k."startedAt" THEN k."startedAt"
                                      ELSE first.at END - k."createdAt") AS float8) AS response,
         CAST(extract(epoch FROM k."finishedAt" - k."startedAt") AS float8) AS service
  FROM begun AS k
  LEFT JOIN LATERAL (
    SELECT m."createdAt" AS at FROM "Messages" m
    WHERE m."companyId" = :company AND m."ticketId" = k."ticketId"
      AND m."createdAt" >= k."acceptedAt" AND m."createdAt" <= k."endsAt"
      AND (m."fromMe" OR m.read) AND m."fromMe" AND m."isPrivate" IS NOT TRUE
    ORDER BY m."createdAt" LIMIT 1
  ) AS first ON TRUE
), summed AS (
  SELECT key, count(*) AS attendances,
       {measures}
  FROM measured GROUP BY key
)
SELECT summed.*, {_select_name(by)}
FROM summed {_build_name_join(by)}
ORDER BY summed.key NULLS LAST"""
    return Query(sql, _list_values(company, period, zone, by), _read_all(_read_times))


def build_counts(company: int, period: Period, zone: ZoneInfo, by: By) -> Query[tuple[Counts, ...]]:
    """Build how many attendances began, and how many of these were accepted, ended and rated."""
    sql = f"""WITH summed AS (
  SELECT {_build_key(by, "k")} AS key, count(*) AS begun, count(k."startedAt") AS accepted,
         count(k."finishedAt") AS finished, count(*) FILTER (WHERE k.rated) AS rated
  FROM "TicketTraking" k
  WHERE {_IN_PERIOD.format(table="k")}
  GROUP BY 1
)
SELECT summed.*, {_select_name(by)}
FROM summed {_build_name_join(by)}
ORDER BY summed.key NULLS LAST"""
    return Query(sql, _list_values(company, period, zone, by), _read_all(_read_counts))


def build_ratings(
    company: int, period: Period, zone: ZoneInfo, by: By
) -> Query[tuple[Ratings, ...]]:
    """Build the ratings of a period; their queue and line are those that the ticket has now."""
    join = (
        """LEFT JOIN LATERAL (
    SELECT t."queueId", t."whatsappId" FROM "Tickets" t
    WHERE t."companyId" = :company AND t.id = u."ticketId" LIMIT 1
  ) AS t ON TRUE"""
        if by in {By.QUEUE, By.LINE}
        else ""
    )
    sql = f"""WITH summed AS (
  SELECT {_build_key(by, "u", of_ticket="t")} AS key, count(*) AS ratings, avg(u.rate) AS mean,
         count(*) FILTER (WHERE u.rate >= 9) AS promoters,
         count(*) FILTER (WHERE u.rate BETWEEN 7 AND 8) AS passives,
         count(*) FILTER (WHERE u.rate <= 6) AS detractors
  FROM "UserRatings" u {join}
  WHERE {_IN_PERIOD.format(table="u")} AND u.rate IS NOT NULL
  GROUP BY 1
)
SELECT summed.*, {_select_name(by)}
FROM summed {_build_name_join(by)}
ORDER BY summed.key NULLS LAST"""
    return Query(sql, _list_values(company, period, zone, by), _read_all(_read_ratings))


_IN_PERIOD: Final = """{table}."companyId" = :company
    AND {table}."createdAt" >= CAST(:since AS timestamptz)
    AND {table}."createdAt" < CAST(:until AS timestamptz)"""


def _build_key(by: By, table: str, of_ticket: str | None = None) -> str:
    """Return the SQL of what rows are grouped by."""
    match by:
        case By.TOTAL:
            return "CAST(NULL AS int)"
        case By.QUEUE:
            return f'{of_ticket or table}."queueId"'
        case By.USER:
            return f'{table}."userId"'
        case By.LINE:
            return f'{of_ticket or table}."whatsappId"'
        case By.DAY:
            return f"""CAST({table}."createdAt" AT TIME ZONE CAST(:zone AS text) AS date)"""
        case By.HOUR:
            return f"""CAST(extract(hour FROM {table}."createdAt"
                            AT TIME ZONE CAST(:zone AS text)) AS int)"""


def _build_name_join(by: By) -> str:
    if by not in _TABLES:
        return ""
    return f"""LEFT JOIN LATERAL (
  SELECT r.name FROM "{_TABLES[by]}" r
  WHERE r."companyId" = :company AND r.id = summed.key LIMIT 1
) AS named ON TRUE"""


def _select_name(by: By) -> str:
    """Return the columns `group_id` and `group_name`."""
    match by:
        case By.TOTAL:
            return "NULL AS group_id, 'total' AS group_name"
        case By.DAY:
            return "NULL AS group_id, to_char(summed.key, 'YYYY-MM-DD') AS group_name"
        case By.HOUR:
            return "NULL AS group_id, to_char(summed.key, 'FM00') AS group_name"
        case By.QUEUE | By.USER | By.LINE:
            return "summed.key AS group_id, named.name AS group_name"


def _list_values(company: int, period: Period, zone: ZoneInfo, by: By) -> dict[str, Any]:
    values = {"company": company, "since": period.since, "until": period.until}
    return values | ({"zone": zone.key} if by in {By.DAY, By.HOUR} else {})


def _read_all(read: Callable[[Row[Any]], Any]) -> Callable[[Rows], tuple[Any, ...]]:
    return lambda rows: tuple(read(row) for row in rows)


def _read_group(row: Row[Any]) -> Group:
    return Group(row.group_id, row.group_name)


def _read_times(row: Row[Any]) -> Times:
    durations = (_read_duration(row, name) for name in _MEASURED)
    return Times(_read_group(row), row.attendances, *durations)


def _read_duration(row: Row[Any], name: str) -> Duration:
    parts = (getattr(row, f"{name}_{part}") for part in ("count", "mean", "median", "p90"))
    return Duration(*parts)


def _read_counts(row: Row[Any]) -> Counts:
    return Counts(_read_group(row), row.begun, row.accepted, row.finished, row.rated)


def _read_ratings(row: Row[Any]) -> Ratings:
    nps = 100 * (row.promoters - row.detractors) / row.ratings
    return Ratings(
        _read_group(row),
        row.ratings,
        float(row.mean),
        row.promoters,
        row.passives,
        row.detractors,
        nps,
    )
