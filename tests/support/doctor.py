"""What tests of `chatia db doctor` share."""

from collections.abc import Iterable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.doctor.findings import Code, Finding
from shared.settings import DatabaseSettings, KafkaSettings, Settings


def build_settings(url: str) -> Settings:
    """Return the settings for a database, without Kafka."""
    return Settings(
        database=DatabaseSettings.model_validate({"DATABASE_URL": url}),
        kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1"),
    )


def codes(findings: Iterable[Finding]) -> list[Code]:
    """Return the codes of findings, in their order."""
    return [finding.code for finding in findings]


async def break_by(conn: AsyncConnection, *statements: str) -> None:
    """Run statements that make something wrong."""
    for sql in statements:
        await conn.execute(text(sql))
