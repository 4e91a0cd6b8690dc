"""`chatia topics`: creates and lists topics, and accepts reset."""

import asyncio
from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Annotated

import typer
from pydantic.alias_generators import to_camel

from shared.cli import cluster, output, reset
from shared.cli.cluster import TopicState
from shared.cli.errors import CheckFailedError, RefusedError
from shared.cli.reset import BrokenCheckpoint
from shared.settings import Settings
from shared.topics import DAY_MS, TOPICS, Topic, build_evolution_topics

app = typer.Typer(name="topics", help="The topics on Kafka.", no_args_is_help=True)


@app.command("apply")
def apply_command(
    *,
    replication_factor: Annotated[
        int | None,
        typer.Option(min=1, help="Copies of each partition; by default 3, at most one per broker."),
    ] = None,
    as_json: output.JsonOption = False,
) -> None:
    """Create the missing topics, also Evolution API's global ones; existing ones do not change."""
    settings = Settings()
    created, existing = asyncio.run(apply_topics(settings, replication_factor))
    different = _find_differences(_list_own_topics(settings), existing)
    if as_json:
        answer = {"created": created, "existing": list(existing), "different": different}
        output.print_json(answer)
    else:
        output.print_line(f"Topics created: {len(created)}; there already: {len(existing)}.")
    if different:
        raise CheckFailedError(_describe_differences(different))


@app.command("list")
def list_command(*, as_json: output.JsonOption = False) -> None:
    """Show each topic as it exists, or as `topics apply` would create it."""
    settings = Settings()
    topics = list_deployment_topics(settings)
    states = asyncio.run(_load_states(settings, topics))
    rows = [(_merge_state(topic, states), topic.name in states) for topic in topics]
    if as_json:
        output.print_json(
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
    output.print_table(
        ("topic", "partitions", "exists", "retention"),
        [
            (
                topic.name,
                topic.partitions,
                "yes" if exists else "no",
                _format_duration(topic.retention_ms),
            )
            for topic, exists in rows
        ],
    )


@app.command("accept-reset")
def accept_reset_command(
    topic: Annotated[str, typer.Argument(help="Its name, with or without the namespace.")],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be done.")
    ] = False,
    as_json: output.JsonOption = False,
) -> None:
    """Reset checkpoints after a topic was re-created or truncated, or lost unread records.

    Workers halt the partitions of such a topic. After this command they read the topic from its
    first offset, with a new epoch, and resume within ten seconds. Existing rows do not change.
    """
    settings = Settings()
    name = _complete_name(settings, topic)
    broken = asyncio.run(reset.find_broken_checkpoints(settings, name))
    if not broken:
        raise RefusedError(
            f"Every checkpoint of {name} fits its log, so there is nothing to accept."
        )
    accepted = 0 if dry_run else asyncio.run(reset.accept_reset(settings, name, broken))
    if as_json:
        output.print_json({"broken": [_convert_to_json(b) for b in broken], "accepted": accepted})
        return
    output.print_table(
        ("service", "partition", "would read on from", "log begins at", "trouble"),
        [(b.service, b.partition, b.next_offset, b.log_start, b.trouble) for b in broken],
    )
    output.print_line(
        f"Would begin anew: {len(broken)}." if dry_run else f"Begun anew: {accepted}."
    )


def _convert_to_json(broken: BrokenCheckpoint) -> dict[str, str | int]:
    return {to_camel(name): value for name, value in asdict(broken).items()}


def _complete_name(settings: Settings, topic: str) -> str:
    names = {ours.name for ours in TOPICS}
    return f"{settings.namespace}.{topic}" if topic in names else topic


def list_deployment_topics(settings: Settings) -> list[Topic]:
    """Return the topics with their full names, then Evolution API's."""
    return [*_list_own_topics(settings), *build_evolution_topics(settings.evolution_prefix)]


def _list_own_topics(settings: Settings) -> list[Topic]:
    return [replace(topic, name=f"{settings.namespace}.{topic.name}") for topic in TOPICS]


async def apply_topics(
    settings: Settings, replication: int | None = None
) -> tuple[list[str], dict[str, TopicState]]:
    """Create missing topics; return the created names, and the states of existing topics."""
    topics = list_deployment_topics(settings)
    async with cluster.connect_admin(settings.kafka) as admin:
        existing = await cluster.find_topics(admin, [topic.name for topic in topics])
        missing = [topic for topic in topics if topic.name not in existing]
        created_by_others = await cluster.create_topics(admin, missing, replication)
        existing |= await cluster.find_topics(admin, created_by_others)
    return [topic.name for topic in missing if topic.name not in created_by_others], existing


async def _load_states(settings: Settings, topics: Iterable[Topic]) -> dict[str, TopicState]:
    async with cluster.connect_admin(settings.kafka) as admin:
        return await cluster.find_topics(admin, [topic.name for topic in topics])


def _merge_state(topic: Topic, states: dict[str, TopicState]) -> Topic:
    actual = states.get(topic.name)
    if actual is None:
        return topic
    return replace(topic, partitions=actual.partitions, retention_ms=actual.retention_ms)


def _find_differences(
    topics: Iterable[Topic], existing: dict[str, TopicState]
) -> list[dict[str, str | int]]:
    return [
        {"name": topic.name, "partitions": state.partitions, "expected": topic.partitions}
        for topic in topics
        if (state := existing.get(topic.name)) and state.partitions != topic.partitions
    ]


def _describe_differences(different: list[dict[str, str | int]]) -> str:
    listed = ", ".join(
        f"{topic['name']} has {topic['partitions']} partitions instead of {topic['expected']}"
        for topic in different
    )
    return f"{listed}; they were left alone, because another number moves keys between partitions."


def _format_duration(milliseconds: int) -> str:
    if milliseconds < 0:
        return "for ever"
    days, rest = divmod(milliseconds, DAY_MS)
    return f"{milliseconds / 3_600_000:g} h" if rest else f"{days} d"
