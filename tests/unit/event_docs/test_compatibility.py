"""Changes of the contract: those that break readers or writers are found, by direction."""

from copy import deepcopy
from typing import Any

import pytest

from shared.event_docs import baseline
from shared.event_docs.compatibility import build_baseline, find_breaks

FACT = "ticket.changed chatia.ticket.closed.v1"
REQUEST = "tickets.requests chatia.ticket.tag.v1"
STATE = "connection.changed chatia.connection.updated.v1"
RECEIVED = "message.received chatia.message.received.v1"

NOW = build_baseline()


def find(name: str, direction: str, change: Any) -> list[str]:
    """Return the breaks after a change of one schema."""
    after = {**NOW, name: deepcopy(NOW[name])}
    change(after[name][direction])
    return find_breaks(NOW, after)


def put(path: str, value: Any) -> Any:
    """Return a change that sets a member of a schema, named by its path."""

    def change(schema: dict[str, Any]) -> None:
        *outer, last = path.split("/")
        for part in outer:
            schema = schema[part]
        schema[last] = value

    return change


def remove(path: str) -> Any:
    def change(schema: dict[str, Any]) -> None:
        *outer, last = path.split("/")
        for part in outer:
            schema = schema[part]
        del schema[last]

    return change


def require(name: str) -> Any:
    return lambda schema: schema["required"].append(name)


def release(name: str) -> Any:
    return lambda schema: schema["required"].remove(name)


def test_the_contracts_keep_what_was_published() -> None:
    assert find_breaks(baseline.load(), NOW) == []


def test_what_is_published_now_is_kept_from_now_on() -> None:
    assert baseline.load() == NOW, "run `python -m shared.event_docs.baseline`"


@pytest.mark.parametrize(
    ("name", "direction", "change", "text"),
    [
        pytest.param(FACT, "sent", remove("properties/userId"), "was removed", id="removed"),
        pytest.param(FACT, "sent", release("status"), "no longer is", id="no longer promised"),
        pytest.param(
            FACT, "sent", put("properties/status/type", ["string", "null"]), "null", id="null"
        ),
        pytest.param(
            STATE,
            "sent",
            lambda schema: schema["properties"]["status"]["enum"].append("SLEEPING"),
            "SLEEPING was added",
            id="a new value",
        ),
        pytest.param(
            STATE, "sent", remove("properties/status/enum"), "list of values", id="any value"
        ),
        pytest.param(
            FACT, "sent", put("properties/ticketId/type", "string"), "string was", id="type"
        ),
        pytest.param(
            RECEIVED, "sent", put("properties/wid/maxLength", 300), "maxLength", id="longer"
        ),
        pytest.param(
            RECEIVED, "sent", remove("properties/timestamp/format"), "format", id="no longer a time"
        ),
        pytest.param(
            REQUEST, "received", require("actorId"), "not required and is", id="now required"
        ),
        pytest.param(
            REQUEST,
            "received",
            remove("properties/actorId"),
            "was removed",
            id="no longer read",
        ),
        pytest.param(
            REQUEST, "received", put("properties/tagIds/maxItems", 50), "maxItems", id="fewer"
        ),
        pytest.param(
            REQUEST, "received", put("properties/tagIds/minItems", 2), "minItems", id="more needed"
        ),
        pytest.param(
            REQUEST,
            "received",
            put("properties/tagIds/items/maximum", 9),
            "tagIds[]: maximum",
            id="inside a list",
        ),
        pytest.param(
            REQUEST, "received", put("properties/requestId/pattern", "^[0-9]+$"), "pattern",
            id="another pattern",
        ),
        pytest.param(
            REQUEST, "received", put("properties/actorId/type", "integer"), "null is no longer",
            id="null forbidden",
        ),
        pytest.param(
            STATE,
            "received",
            lambda schema: schema["properties"]["status"]["enum"].remove("TIMEOUT"),
            "TIMEOUT is no longer accepted",
            id="a value less",
        ),
        pytest.param(
            RECEIVED, "received", put("properties/body/enum", ["Oi"]), "list of values",
            id="a new list of values",
        ),
        pytest.param(
            RECEIVED, "received", put("properties/timestamp/type", "string"), "number is no longer",
            id="no numbers",
        ),
        pytest.param(
            RECEIVED, "received", put("properties/channel/default", "sms"), "default",
            id="another default",
        ),
        pytest.param(
            RECEIVED, "received", put("properties/body/maxLength", 9), "maxLength", id="a new limit"
        ),
        pytest.param(
            RECEIVED,
            "received",
            remove("properties/referral/properties/sourceId"),
            "referral.sourceId",
            id="inside an object",
        ),
    ],
)  # fmt: skip
def test_a_planted_break_is_found(name: str, direction: str, change: Any, text: str) -> None:
    (found,) = find(name, direction, change)
    assert found.startswith(f"{name}, {direction}: ")
    assert text in found


@pytest.mark.parametrize(
    ("name", "direction", "change"),
    [
        pytest.param(FACT, "sent", put("properties/new", {"type": "string"}), id="a new member"),
        pytest.param(FACT, "sent", require("userId"), id="promised now"),
        pytest.param(FACT, "sent", put("properties/status/enum", ["open"]), id="fewer values"),
        pytest.param(RECEIVED, "sent", put("properties/wid/maxLength", 99), id="shorter"),
        pytest.param(
            REQUEST, "received", put("properties/new", {"type": "string"}), id="a member more"
        ),
        pytest.param(REQUEST, "received", release("tagIds"), id="no longer required"),
        pytest.param(REQUEST, "received", put("properties/tagIds/maxItems", 500), id="more"),
        pytest.param(REQUEST, "received", remove("properties/tagIds/minItems"), id="none too"),
        pytest.param(
            STATE, "received", put("properties/number/type", ["string", "integer", "null"]),
            id="another type",
        ),
    ],
)  # fmt: skip
def test_an_allowed_change_is_no_break(name: str, direction: str, change: Any) -> None:
    assert find(name, direction, change) == []


def test_a_removed_event_and_another_key_are_found() -> None:
    after = deepcopy(NOW)
    del after[REQUEST]
    after[FACT]["key"] = "ticketId"
    assert set(find_breaks(NOW, after)) == {
        f"{FACT}: the key was companyId:ticketId and is ticketId",
        f"{REQUEST}: the event was removed",
    }


def test_the_file_is_not_written_over_a_break(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    changed = deepcopy(NOW)
    changed[FACT]["sent"]["required"].append("gone")
    changed[FACT]["sent"]["properties"]["gone"] = {"type": "string"}
    file = tmp_path / "baseline.json"
    file.write_text(baseline.build_text(changed), "utf-8")
    monkeypatch.setattr(baseline, "FILE", file)
    with pytest.raises(SystemExit, match="gone: it was removed"):
        baseline.main()
    assert baseline.load() == changed
