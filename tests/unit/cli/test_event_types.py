"""`chatia events types`, `schema`, `sample` and `check`."""

import io
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shared.cli import app as cli_app
from shared.cli.event_types import list_contracts
from shared.cli.records import build_event_parser, parse_lines
from shared.contracts.base import Event

Run = Callable[..., tuple[int, str, str]]
EVENTS = list_contracts()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `chatia events`; return its exit code, standard output and standard error."""

    def run_with(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["chatia", "events", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli_app.main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run_with


@pytest.fixture
def check(run: Run, tmp_path: Path) -> Run:
    """Write lines to a file and check it."""

    def check_lines(lines: list[Any], *options: str) -> tuple[int, str, str]:
        file = tmp_path / "events.ndjson"
        file.write_text("\n".join(map(json.dumps, lines)), "utf-8")
        return run("check", str(file), *options)

    return check_lines


def wrap(data: Any, type_name: str = "chatia.message.received.v1") -> dict[str, Any]:
    return {"specversion": "1.0", "type": type_name, "data": data}


RECEIVED, LISTED = "chatia.message.received.v1", "`chatia events types` lists all"
MESSAGE: dict[str, Any] = {
    "companyId": 1, "whatsappId": 10, "chat": "5511987654321", "wid": "A1",
    "timestamp": 1787228103, "body": "Oi",
}  # fmt: skip


def test_types_lists_every_event_with_its_key_writers_and_readers(run: Run) -> None:
    code, output, _ = run("types")
    assert code == 0
    assert len(output.splitlines()) == len(EVENTS) + 1
    (line,) = (line for line in output.splitlines() if " message.received " in line)
    assert line.split("  ")[0] == "chatia.message.received.v1"
    assert "companyId:whatsappId:chat" in line
    assert line.rstrip().endswith("contacts")
    assert "gateway, messages" in line


def test_types_for_programs_are_json(run: Run) -> None:
    _, output, _ = run("types", "--json")
    (found,) = (each for each in json.loads(output) if each["topic"] == "campaign.send")
    assert found == {
        "type": "chatia.campaign.send.v1",
        "topic": "campaign.send",
        "key": "companyId:number",
        "writers": ["scheduler"],
        "readers": ["campaigns"],
    }


@pytest.mark.parametrize(
    "name", ["message.received", "chatia.message.received.v1", "message.received.v1"]
)
def test_a_type_is_found_with_and_without_prefix_and_version(run: Run, name: str) -> None:
    code, output, _ = run("schema", name)
    assert code == 0
    schema = json.loads(output)
    assert schema["title"] == "chatia.message.received.v1"
    assert schema["properties"]["wid"]["maxLength"] == 255


@pytest.mark.parametrize("command", ["schema", "sample"])
def test_an_unknown_type_is_wrong_usage_and_near_names_are_listed(run: Run, command: str) -> None:
    code, output, errors = run(command, "message.recieved")
    assert (code, output) == (2, "")
    assert errors.startswith("No event is called message.recieved; there are message.received")
    assert errors.endswith("; `chatia events types` lists all.\n")


@pytest.mark.parametrize("command", ["schema", "sample"])
def test_a_version_that_does_not_exist_is_answered_with_those_that_do(
    run: Run, command: str
) -> None:
    code, _, errors = run(command, "chatia.message.received.v7")
    assert code == 2
    assert errors == "message.received has no version 7; there is chatia.message.received.v1.\n"


@pytest.mark.parametrize("name", ["", " ", "chatia."])
def test_an_empty_name_of_a_type_is_refused_in_words(run: Run, name: str) -> None:
    code, _, errors = run("schema", name)
    assert code == 2
    assert errors == (
        "The name of a type is wanted, not an empty text; `chatia events types` lists all.\n"
    )


def test_a_name_that_is_like_no_other_is_answered_without_a_list(run: Run) -> None:
    _, _, errors = run("schema", "zzz")
    assert errors == "No event is called zzz; `chatia events types` lists all.\n"


@pytest.mark.parametrize("contract", EVENTS, ids=lambda event: event.__name__)
@pytest.mark.parametrize("options", [(), ("--minimal",)], ids=["complete", "minimal"])
def test_a_sample_can_be_published(run: Run, contract: type[Event], options: tuple[str]) -> None:
    _, output, _ = run("sample", contract.type, *options)
    assert output.count("\n") == 1
    parse = build_event_parser(contract.topic, "test", datetime(2026, 8, 20, tzinfo=UTC))
    (record,) = parse_lines([output.encode()], parse)
    assert ("ce_type", contract.ce_type().encode()) in record.headers


def test_lines_that_can_be_published_are_counted(check: Run) -> None:
    assert check([wrap(MESSAGE), wrap(MESSAGE)]) == (0, "Lines that can be published: 2.\n", "")


def test_half_an_emoji_is_no_error_because_workers_repair_it(check: Run) -> None:
    assert check([wrap(MESSAGE | {"body": "\ud83d"})])[0] == 0


def test_each_wrong_line_is_explained_in_words(check: Run) -> None:
    job = {"companyId": 1, "campaignId": 3, "number": "+55 11", "message": "Oi"}
    code, output, errors = check(
        [
            wrap({**MESSAGE, "wid": "A 1", "chat": ""}),
            wrap(MESSAGE),
            wrap(job, "campaign.send"),
            wrap({}, "chatia.ticket.clos.v1"),
            MESSAGE,
            [],
        ]
    )
    assert code == 1
    *others, unknown, untyped, listed = output.splitlines()
    assert others == [
        "Line 1: chat: a text that is not empty is wanted",
        "Line 1: wid: without spaces",
        "Line 3: number: digits only, with country code, or a group id",
    ]
    assert unknown.startswith(
        "Line 4: type: No event is called chatia.ticket.clos.v1; there are ticket.close"
    )
    assert untyped == "Line 5: its type is not known: use --type, or a structured event"
    assert listed == "Line 6: its type is not known: use --type, or a structured event"
    assert errors == "5 of 6 lines are wrong.\n"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (
            {"specversion": "1.0", "data": MESSAGE},
            f"type: a structured event needs a type as text, such as {RECEIVED}; {LISTED}",
        ),
        (
            wrap(MESSAGE, "chatia.message.received.v2"),
            "type: message.received has no version 2; there is chatia.message.received.v1",
        ),
        (
            wrap(MESSAGE, ""),
            f"type: The name of a type is wanted, not an empty text; {LISTED}",
        ),
        (
            wrap({**MESSAGE, "companyId": -1}),
            "companyId: a number of at least 0 is wanted",
        ),
        (
            wrap({**MESSAGE, "companyId": 2**31}),
            "companyId: a number of at most 2147483647 is wanted",
        ),
    ],
)
def test_what_is_wrong_with_a_line_is_a_sentence(check: Run, line: Any, found: str) -> None:
    code, output, _ = check([line])
    assert (code, output) == (1, f"Line 1: {found}\n")


REQUEST: dict[str, Any] = {"companyId": 1, "requestId": "r", "whatsappId": 10, "chat": "5511"}
OFFER: dict[str, Any] = {"name": "promo", "language": "pt_BR"}


def say(parameter: str) -> str:
    return (
        "template: Meta refuses line breaks, tabs and more than 4 spaces in a row in a parameter: "
        f"change the text of the {parameter}"
    )


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({"body": [{"text": "Ana"}, {"text": "a\nb"}]}, say("body parameter 2")),
        ({"body": [{"text": "a\tb"}]}, say("body parameter 1")),
        ({"body": [{"text": "a     b"}]}, say("body parameter 1")),
        ({"body": [{"text": "a\r", "name": "nome"}]}, say("body parameter nome")),
        ({"header": {"text": "a\u2028b"}}, say("header")),
        (
            {"buttons": [{"index": 0, "kind": "url", "text": "a"}] * 2},
            "template: two buttons of a template have the same index",
        ),
        (
            {"buttons": [{"index": 1, "kind": "copy-code", "text": "x" * 21}]},
            "template: the code of the button 1 has at most 20 characters",
        ),
    ],
)
def test_what_meta_refuses_in_a_template_is_named(
    check: Run, members: dict[str, Any], found: str
) -> None:
    line = wrap({**REQUEST, "template": OFFER | members}, "chatia.message.compose.v1")
    assert check([line])[:2] == (1, f"Line 1: {found}\n")


@pytest.mark.parametrize(
    "members",
    [
        {"body": [{"text": "a    b"}, {"text": "é 👍 *x*"}]},
        {"buttons": [{"index": n, "kind": "quick-reply", "text": "a\nb"} for n in range(2)]},
        {"buttons": [{"index": 0, "kind": "copy-code", "text": "x" * 20}]},
        {"buttons": [{"index": 0, "kind": "url", "text": "x" * 21}]},
    ],
)
def test_what_meta_takes_in_a_template_can_be_published(
    check: Run, members: dict[str, Any]
) -> None:
    line = wrap({**REQUEST, "template": OFFER | members}, "chatia.message.compose.v1")
    assert check([line])[0] == 0


@pytest.mark.parametrize("emoji", ["ok", "k", "👍👍", "👍 ", "1", "😀a", "\u200d", "🇧", "!", "á"])
def test_a_reaction_that_is_not_one_emoji_is_refused(check: Run, emoji: str) -> None:
    line = wrap({**REQUEST, "wid": "A1", "emoji": emoji}, "chatia.message.react.v1")
    code, output, _ = check([line])
    assert code == 1
    assert output.startswith("Line 1: emoji: ")


@pytest.mark.parametrize(
    "emoji",
    [
        "",
        "👍",
        "👍🏽",
        "❤️",
        "❤",
        "❤️‍🔥",
        "🇧🇷",
        "1️⃣",
        "👨‍👩‍👧‍👦",
        "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
        "🤷🏾‍♀️",
        "☺️",
        "⭐",
        "‼️",
        "©️",
        "🫡",
    ],
)
def test_a_reaction_is_one_emoji_or_empty(check: Run, emoji: str) -> None:
    line = wrap({**REQUEST, "wid": "A1", "emoji": emoji}, "chatia.message.react.v1")
    assert check([line])[0] == 0


def test_ignored_members_are_named_and_are_no_error(check: Run) -> None:
    line = {**MESSAGE, "mediaURL": "x", "referral": {"headLine": "y"}}
    code, output, _ = check([line], "--type", "message.received")
    assert code == 0
    assert output.splitlines()[0] == "Line 1: ignored: mediaURL, referral.headLine"


@pytest.mark.parametrize(
    "options", [("--topic", "message.received"), ("--type", "message.received")]
)
def test_bodies_are_checked_by_a_given_type_or_the_topic_of_one_type(
    check: Run, options: tuple[str, str]
) -> None:
    code, output, _ = check([MESSAGE, {}], *options)
    assert code == 1
    assert output.splitlines() == [
        f"Line 2: {name}: this member is required"
        for name in ("companyId", "whatsappId", "chat", "wid", "timestamp")
    ]


def test_an_event_of_another_topic_is_wrong(check: Run) -> None:
    code, output, _ = check([wrap(MESSAGE)], "--topic", "message.changed")
    assert code == 1
    assert "type: No event on the topic message.changed is called" in output


@pytest.mark.parametrize(
    "options", [("--topic", "message.recieved"), ("--type", "message.recieved")]
)
def test_an_unknown_option_is_wrong_usage(check: Run, options: tuple[str, str]) -> None:
    code, _, errors = check([MESSAGE], *options)
    assert code == 2
    assert "message.recieved" in errors


def test_findings_for_programs_are_json(check: Run) -> None:
    code, output, _ = check([wrap({**MESSAGE, "chat": 5, "x": 1})], "--json")
    assert code == 1
    assert json.loads(output) == {
        "line": 1,
        "type": "chatia.message.received.v1",
        "wrong": ["chat: text is wanted"],
        "ignored": ["x"],
    }


def test_a_line_that_is_not_json_or_too_deep_is_wrong(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = b"{nothing\n" + b"[" * 65 + b"\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
    code, output, _ = run("check", "-")
    assert code == 1
    first, second = output.splitlines()
    assert first.startswith("Line 1: it is not JSON: ")
    assert second == "Line 2: the body is nested deeper than 64 levels"
