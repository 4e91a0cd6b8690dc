"""`chatia topics`: the topics of a deployment, made once and looked at often."""

import asyncio
from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Annotated

import typer
from pydantic.alias_generators import to_camel

from shared.cli import cluster, output, resets
from shared.cli.cluster import Found
from shared.cli.errors import AnswerIsNo, Refused
from shared.cli.resets import Broken
from shared.settings import Settings
from shared.topics import DAY_MS, TOPICS, Topic, evolution_topics

app = typer.Typer(name="topics", help="The topics on Kafka.", no_args_is_help=True)

WithEvolution = Annotated[
    bool,
    typer.Option(
        "--with-evolution", help="Also Evolution API's global topics, as it names them itself."
    ),
]


@app.command("apply")
def apply_command(
    *,
    replication_factor: Annotated[
        int | None,
        typer.Option(min=1, help="Copies of each partition; by default 3, or one a broker."),
    ] = None,
    with_evolution: WithEvolution = False,
    as_json: output.JsonOption = False,
) -> None:
    """Create the topics that are missing; those that exist stay as they are."""
    settings = Settings()
    created, existing = asyncio.run(
        apply(settings, with_evolution=with_evolution, replication=replication_factor)
    )
    different = _different_partitions(deployment_topics(settings), existing)
    if as_json:
        answer = {"created": created, "existing": list(existing), "different": different}
        output.say_json(answer)
    else:
        output.say(f"Topics created: {len(created)}; there already: {len(existing)}.")
    if different:
        raise AnswerIsNo(_partitions_differ(different))


@app.command("list")
def list_command(
    *, with_evolution: WithEvolution = False, as_json: output.JsonOption = False
) -> None:
    """Show each topic as it is, or as `topics apply` would make it."""
    settings = Settings()
    topics = deployment_topics(settings, with_evolution=with_evolution)
    found = asyncio.run(_find(settings, topics))
    rows = [(_as_it_is(topic, found), topic.name in found) for topic in topics]
    if as_json:
        output.say_json(
            [
                {
                    "name": topic.name,
                    "partitions": topic.partitions,
                    "exists": exists,
                    "retentionMs": topic.retention_ms,
                }
                for topic, exists in rows
            ]
        )
        return
    output.show_table(
        ("topic", "partitions", "exists", "retention"),
        [
            (
                topic.name,
                topic.partitions,
                "yes" if exists else "no",
                _duration(topic.retention_ms),
            )
            for topic, exists in rows
        ],
    )


@app.command("accept-reset")
def accept_reset_command(
    topic: Annotated[str, typer.Argument(help="Its name, with or without the namespace.")],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would be done.")
    ] = False,
    as_json: output.JsonOption = False,
) -> None:
    """Begin anew where a topic was re-created, cut off, or lost unread records to retention.

    Workers stop such partitions. What was read before stays as it is; what the topic holds now is
    read from its beginning, under a new epoch. Workers go on by themselves within ten seconds.
    """
    settings = Settings()
    name = _full_name(settings, topic)
    broken = asyncio.run(resets.find(settings, name))
    if not broken:
        raise Refused(f"Every checkpoint of {name} fits its log, so there is nothing to accept.")
    accepted = 0 if dry_run else asyncio.run(resets.accept(settings, name, broken))
    if as_json:
        output.say_json({"broken": [_as_json(b) for b in broken], "accepted": accepted})
        return
    output.show_table(
        ("service", "partition", "would read on from", "log begins at", "trouble"),
        [(b.service, b.partition, b.next_offset, b.log_start, b.trouble) for b in broken],
    )
    output.say(f"Would begin anew: {len(broken)}." if dry_run else f"Begun anew: {accepted}.")


def _as_json(broken: Broken) -> dict[str, str | int]:
    return {to_camel(name): value for name, value in asdict(broken).items()}


def _full_name(settings: Settings, topic: str) -> str:
    ours = {known.name for known in TOPICS}
    return f"{settings.namespace}.{topic}" if topic in ours else topic


def deployment_topics(settings: Settings, *, with_evolution: bool = False) -> list[Topic]:
    """List the topics under their full names."""
    ours = [replace(topic, name=f"{settings.namespace}.{topic.name}") for topic in TOPICS]
    return ours + (list(evolution_topics(settings.evolution_prefix)) if with_evolution else [])


async def apply(
    settings: Settings, *, with_evolution: bool = False, replication: int | None = None
) -> tuple[list[str], dict[str, Found]]:
    """Create what is missing; gives the names created, and what was there before."""
    topics = deployment_topics(settings, with_evolution=with_evolution)
    async with cluster.connected(settings.kafka) as admin:
        existing = await cluster.find(admin, [topic.name for topic in topics])
        missing = [topic for topic in topics if topic.name not in existing]
        made_before = await cluster.create(admin, missing, replication)
        existing |= await cluster.find(admin, made_before)
    return [topic.name for topic in missing if topic.name not in made_before], existing


async def _find(settings: Settings, topics: Iterable[Topic]) -> dict[str, Found]:
    async with cluster.connected(settings.kafka) as admin:
        return await cluster.find(admin, [topic.name for topic in topics])


def _as_it_is(topic: Topic, found: dict[str, Found]) -> Topic:
    actual = found.get(topic.name)
    if actual is None:
        return topic
    return replace(topic, partitions=actual.partitions, retention_ms=actual.retention_ms)


def _different_partitions(
    topics: Iterable[Topic], existing: dict[str, Found]
) -> list[dict[str, str | int]]:
    return [
        {"name": topic.name, "partitions": found.partitions, "expected": topic.partitions}
        for topic in topics
        if (found := existing.get(topic.name)) and found.partitions != topic.partitions
    ]


def _partitions_differ(different: list[dict[str, str | int]]) -> str:
    listed = ", ".join(
        f"{topic['name']} has {topic['partitions']} partitions instead of {topic['expected']}"
        for topic in different
    )
    return f"{listed}; they were left alone, because another number moves keys between partitions."


def _duration(milliseconds: int) -> str:
    if milliseconds < 0:
        return "for ever"
    days, rest = divmod(milliseconds, DAY_MS)
    return f"{milliseconds / 3_600_000:g} h" if rest else f"{days} d"
