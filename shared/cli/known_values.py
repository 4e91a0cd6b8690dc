"""Refuses filters and arguments that name what does not exist, so that no answer is just empty."""

from collections.abc import Iterable
from difflib import get_close_matches

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.cli.errors import InvalidUsageError
from shared.db.bulk import statement
from shared.delivery.dead_letters.reasons import REASONS
from shared.settings import Settings
from shared.topics import TOPICS, build_evolution_topics

COMPANY_EXISTS = statement("""
SELECT EXISTS (SELECT FROM "Companies" WHERE id = :company)
""")

LETTERS_OF_COMPANY_EXIST = statement("""
SELECT EXISTS (SELECT FROM "DeadLetters" WHERE "companyId" = :company)
""")

LETTERS_OF_TOPIC_EXIST = statement("""
SELECT EXISTS (SELECT FROM "DeadLetters" WHERE topic = ANY(CAST(:topics AS text[])))
""")


def check_reason(reason: str) -> None:
    """Raise InvalidUsageError for a reason that no dead letter can have."""
    if reason not in REASONS:
        raise InvalidUsageError(
            f"There is no reason {reason}{suggest(reason, REASONS)}; "
            "docs/dead-letters.md explains them."
        )


async def check_company(conn: AsyncConnection, company: int, *, has_letters: bool = False) -> None:
    """Raise InvalidUsageError for a company that does not exist.

    With `has_letters` a company that is deleted counts as long as there are dead letters of it.
    """
    exists = (await conn.execute(COMPANY_EXISTS, {"company": company})).scalar_one()
    if not exists and has_letters:
        rows = await conn.execute(LETTERS_OF_COMPANY_EXIST, {"company": company})
        exists = rows.scalar_one()
    if not exists:
        raise InvalidUsageError(f"There is no company {company}.")


async def check_topic(conn: AsyncConnection, settings: Settings, topic: str) -> None:
    """Raise InvalidUsageError for a topic that is none of ours and has no dead letters.

    Its name may be with or without the namespace.
    """
    short = [known.name for known in TOPICS]
    evolution = [known.name for known in build_evolution_topics(settings.evolution_prefix)]
    known = {*short, *evolution, *(f"{settings.namespace}.{name}" for name in short)}
    if topic in known:
        return
    names = [topic, f"{settings.namespace}.{topic}"]
    if not (await conn.execute(LETTERS_OF_TOPIC_EXIST, {"topics": names})).scalar_one():
        raise InvalidUsageError(f"There is no topic {topic}{suggest(topic, [*short, *evolution])}.")


def suggest(name: str, known: Iterable[str]) -> str:
    """Return a text that names the nearest known name, else all of them."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    return f": did you mean {near[0]}?" if near else f": there are {', '.join(names)}"
