"""`chatia lines`: lists, registers and changes lines."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from shared.cli import acts, known_values, line_status, line_store, output
from shared.cli.acts import Act
from shared.cli.errors import InvalidUsageError
from shared.cli.line_csv import LineRow, Problem, describe_problems, parse_lines
from shared.cli.line_key_writer import write_key
from shared.cli.line_rules import Change, plan_registration
from shared.cli.line_store import Rate
from shared.cli.secret_input import read_secret
from shared.contracts.connection import LineStatus
from shared.gateways import signatures
from shared.gateways.senders.registry import SENDERS
from shared.line_keys import LineKeys, UnreadableKeysError, describe_problem, read_keys
from shared.settings import LINE_APP_SECRET, LINE_KEY, Settings

app = typer.Typer(name="lines", help="The lines of companies.", no_args_is_help=True)

LISTED_STATUSES = f"One of: {', '.join(get_args(LineStatus))}."

LineOption = Annotated[
    int, typer.Option(min=1, max=acts.MAX_ID, help="The line: its id in Whatsapps.")
]


@app.command("list")
def list_command(
    *, company: acts.OptionalCompanyOption = None, as_json: output.JsonOption = False
) -> None:
    """List lines: gateway, status, ms between two campaign sends, and which secrets are set.

    `key` is whether this program's environment has a key for the line's gateway, `webhook`
    whether the gateway's posts can be checked. A gateway that sends by itself needs no key.
    """
    settings = Settings()
    keys = LineKeys(settings, values=_read_keys(settings))
    lines = [_complete(line, settings, keys) for line in asyncio.run(_load_lines(company))]
    if as_json:
        output.print_json(lines)
        return
    output.print_table(
        ("company", "line", "name", "gateway", "instance", "status", "interval", "key", "webhook"),
        [_build_row(line) for line in lines],
        shrinks="name",
        optional=("instance", "interval"),
    )


@app.command("register")
def register(
    file: Annotated[
        typer.FileBinaryRead, typer.Argument(metavar="FILE", help="CSV; - is standard input.")
    ],
    *,
    actor: acts.ActorOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """Register the lines of a CSV file with their connections, all or none; show their webhooks.

    The first line names the columns: company, name, gateway, and as needed line (an id), server,
    instance, aliases (separated by |), portfolio, interval_ms. Repeating it changes nothing;
    what it changes about a line is listed.
    """
    rows, problems = parse_lines(file.read())
    if not rows:  # none can be compared with the database
        raise InvalidUsageError(describe_problems(problems))
    done = asyncio.run(_register(rows, problems, actor))
    secret = Settings().webhooks.secret.get_secret_value()
    lines = [_describe_webhook(row, done, secret) for row in done.rows]
    if as_json:
        output.print_json(lines)
    else:
        columns = ("company", "line", "name", "was", "webhook", "token")
        cells = [[str(line[column]) for column in columns] for line in lines]
        output.print_table(columns, cells, shrinks="name")
        for line in lines:
            if changes := line["changes"]:
                text = "; ".join(map(_describe_change, changes))
                output.print_line(f"Line {line['line']} of company {line['company']}: {text}.")
    for row in done.silenced:
        output.print_error(
            f"Line {row.whatsapp_id} of company {row.company_id} has no server now: workers do not "
            "send for it until the file names one."
        )
    if not secret and not as_json:
        output.print_error("There are no tokens, because CHATIA_WEBHOOK_SECRET is not set.")


@app.command("set-status")
def set_status(
    status: Annotated[LineStatus, typer.Argument(metavar="STATUS", help=LISTED_STATUSES)],
    *,
    company: acts.CompanyOption,
    line: LineOption,
    actor: acts.ActorOption = None,
) -> None:
    """Set the status of a line, as if its gateway had reported it now; later reports replace it.

    It is published as an event, so the back office sees it. The command waits until it is saved.
    """
    act = Act("messages", company, "lines.set-status", {"line": line, "status": status})
    asyncio.run(line_status.set_status(Settings(), act, company, line, status, actor))
    output.print_line(f"Line {line} of company {company} is {status}.")


@app.command("set-rate")
def set_rate(
    interval_ms: Annotated[
        int | None,
        typer.Argument(
            metavar="[INTERVAL_MS]", min=1, max=acts.MAX_ID, help="ms between two campaign sends."
        ),
    ] = None,
    *,
    company: acts.CompanyOption,
    line: LineOption,
    default: Annotated[
        bool, typer.Option("--default", help="CHATIA_SEND_INTERVAL_MS, from the next campaign on.")
    ] = False,
    actor: acts.ActorOption = None,
) -> None:
    """Set how fast a line sends campaigns; it takes effect at once."""
    if default == (interval_ms is not None):
        raise InvalidUsageError("Give either the ms between two sends, or --default.")
    asyncio.run(_set_rate(company, line, interval_ms, actor))
    rate = f"every {interval_ms:,} ms" if interval_ms else "as fast as CHATIA_SEND_INTERVAL_MS says"
    output.print_line(f"Line {line} of company {company} sends campaigns {rate}.")


@app.command("rotate-key")
def rotate_key(
    *,
    company: acts.CompanyOption,
    line: LineOption,
    app_secret: Annotated[
        bool, typer.Option("--app-secret", help="The secret of the line's own Meta app.")
    ] = False,
    actor: acts.ActorOption = None,
) -> None:
    """Replace the key of a line in CHATIA_LINE_KEYS_FILE, without a restart.

    The key is the first line of standard input; in a terminal it is asked for, hidden.
    """
    path = Settings().line_keys_file
    if not path:
        raise InvalidUsageError(
            "CHATIA_LINE_KEYS_FILE is not set: it names the file, or the directory, in which this "
            "command and the messages workers keep the keys of lines."
        )
    name = f"{LINE_APP_SECRET if app_secret else LINE_KEY}_{company}_{line}"
    asyncio.run(_rotate_key(Path(path), name, company, line, actor))
    output.print_line(f"{name} is in {path}; messages workers use it within a second.")


async def _load_lines(company: int | None) -> list[Mapping[str, Any]]:
    async with acts.open_transaction() as conn:
        if company is not None:
            await known_values.check_company(conn, company)
        return await line_store.list_lines(conn, company)


def _read_keys(settings: Settings) -> Mapping[str, str]:
    """Read CHATIA_LINE_KEYS_FILE, if there is one; say so if it cannot be read."""
    if not settings.line_keys_file:
        return {}
    try:
        return read_keys(Path(settings.line_keys_file)).values
    except (OSError, UnreadableKeysError) as error:
        problem = describe_problem(error)
        output.print_error(f"{settings.line_keys_file} cannot be read: {problem}.")
        return {}


def _complete(line: Mapping[str, Any], settings: Settings, keys: LineKeys) -> dict[str, Any]:
    """Return a line with whether its secrets are set, never the secrets."""
    company, number = line["company"], line["line"]
    is_checked = bool(settings.webhooks.secret.get_secret_value())
    if line["gateway"] == "cloud-api":
        is_checked = is_checked and bool(keys.find_app_secrets(company, number))
    has_key = bool(keys.find_gateway_key(line["gateway"], company, number))
    interval = line["interval_ms"]
    return {
        **{name: line[name] for name in ("company", "line", "name", "gateway", "server")},
        "instance": line["instance"],
        "status": line["status"],
        "intervalMs": settings.sending.interval_ms if interval is None else interval,
        "hasDefaultInterval": interval is None,
        "hasKey": has_key if line["gateway"] in SENDERS else None,
        "hasWebhookSecret": is_checked,
    }


def _build_row(line: Mapping[str, Any]) -> tuple[object, ...]:
    interval = f"{line['intervalMs']}{' (default)' if line['hasDefaultInterval'] else ''}"
    texts = [line[name] or "-" for name in ("name", "gateway", "instance", "status")]
    flags = [_format_flag(line[name]) for name in ("hasKey", "hasWebhookSecret")]
    return (line["company"], line["line"], *texts, interval, *flags)


def _format_flag(value: bool | None) -> str:  # noqa: FBT001 - a value to show
    return {True: "yes", False: "no", None: "-"}[value]


@dataclass(frozen=True, slots=True)
class _Registered:
    """The rows with the ids of their lines, which lines are changed or new, and what changed."""

    rows: Sequence[LineRow]
    changed: set[int]
    new: set[int]
    changes: Mapping[int, Sequence[Change]]  # by the row's line of the file
    silenced: Sequence[LineRow]


async def _register(
    rows: Sequence[LineRow], unread: Sequence[Problem], actor: str | None
) -> _Registered:
    """Register lines; raises InvalidUsageError with the unread cells and all other problems."""
    async with acts.open_transaction() as conn:
        plan = plan_registration(rows, await line_store.load_stored(conn, rows))
        if problems := [*unread, *plan.problems]:
            raise InvalidUsageError(describe_problems(problems))
        registered, changed = await line_store.save_plan(conn, plan)
        numbers = {row.number for row in plan.new}
        new = {row.whatsapp_id or 0 for row in registered if row.number in numbers}
        by_company: dict[int, list[int]] = {}
        for row in registered:
            if row.whatsapp_id in changed:
                by_company.setdefault(row.company_id, []).append(row.whatsapp_id)
        of_companies = [
            Act("messages", company, "lines.register", {"lines": lines})
            for company, lines in by_company.items()
        ]
        await acts.record_acts(conn, of_companies, actor)
    changes: dict[int, list[Change]] = {}
    for change in plan.changes:
        changes.setdefault(change.number, []).append(change)
    return _Registered(registered, changed, new, changes, plan.silenced)


def _describe_change(change: Mapping[str, str | None]) -> str:
    return f"{change['column']}: {change['old'] or 'none'} → {change['new'] or 'none'}"


def _describe_webhook(row: LineRow, done: _Registered, secret: str) -> dict[str, Any]:
    line = row.whatsapp_id or 0
    token = signatures.derive_token(secret, row.gateway, row.company_id, line) if secret else None
    return {
        "company": row.company_id,
        "line": line,
        "name": row.name,
        "was": _describe_former(line, done),
        "webhook": f"/gateways/{row.gateway}/{row.company_id}/{line}",
        "token": token or "-",
        "changes": [
            {"column": change.column, "old": change.old or None, "new": change.new or None}
            for change in done.changes.get(row.number, ())
        ],
    }


def _describe_former(line: int, done: _Registered) -> str:
    return "new" if line in done.new else "changed" if line in done.changed else "there already"


async def _set_rate(company: int, line: int, interval_ms: int | None, actor: str | None) -> None:
    async with acts.open_transaction() as conn:
        await line_store.check_line(conn, company, line)
        if interval_ms is None:
            await line_store.delete_rate(conn, company, line)
        else:
            await line_store.save_rates(conn, [Rate(company, line, interval_ms)])
        about = {"line": line, "intervalMs": interval_ms or "default"}
        await acts.record_acts(conn, [Act("campaigns", company, "lines.set-rate", about)], actor)


async def _rotate_key(path: Path, name: str, company: int, line: int, actor: str | None) -> None:
    async with acts.open_transaction() as conn:
        await line_store.check_line(conn, company, line)
    key = read_secret(name)
    if not key.isascii():
        raise InvalidUsageError(f"{name}: a key has printable ASCII characters only.")
    about = {"line": line, "variable": name}
    async with acts.open_transaction() as conn:
        await acts.record_acts(conn, [Act("messages", company, "lines.rotate-key", about)], actor)
        write_key(path, name, key)  # if it fails, nothing is recorded
