"""What can be wrong with a gateway's records: a table with levels, expectations and sources."""

from dataclasses import dataclass

from shared.conformance.report import Check, Level

MUST, SHOULD, MAY = Level.MUST, Level.SHOULD, Level.MAY
RECEIVED = "docs/events.md#messagereceived"
CHANGES = "docs/events.md#changes-of-a-message"
SENDING = "docs/sending.md#what-is-published"
CASES = "docs/conformance.md#the-topics"


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that is checked, about records or about sends."""

    name: str
    area: str
    level: Level
    expected: str
    documented: str


RULES = (
    Rule("body", "bodies", MUST, "JSON that the contract of its type reads", RECEIVED),
    Rule("unknown-members", "bodies", SHOULD, "members of the contract only", RECEIVED),
    Rule(
        "headers", "headers", MUST, "no CloudEvents headers, or readable and right ones", RECEIVED
    ),
    Rule(
        "attributes", "headers", SHOULD, "specversion 1.0, id, source and type together", RECEIVED
    ),
    Rule("key", "keys", MUST, "the key that the members of the body give", RECEIVED),
    Rule("partition", "keys", SHOULD, "one partition for all records of a key", RECEIVED),
    Rule("line", "lines", MUST, "a line of the company in Whatsapps", CASES),
    Rule("address", "addresses", MUST, "digits, a group's id, …@lid or a BSUID", RECEIVED),
    Rule("participant", "addresses", SHOULD, "isGroup with the author in participant", RECEIVED),
    Rule("wid", "messages", MUST, "WhatsApp's message id, without chat and device", RECEIVED),
    Rule("wid-content", "messages", MUST, "one content for each wid", RECEIVED),
    Rule("duplicate", "messages", SHOULD, "one wid for each message", RECEIVED),
    Rule("echo", "messages", SHOULD, "a fromMe message or an ack of each sent wid", RECEIVED),
    Rule("order", "messages", MAY, "the messages of a chat in the order of their times", RECEIVED),
    Rule("future-time", "times", MUST, "no time after the record's own", RECEIVED),
    Rule("local-time", "times", MUST, "ISO 8601 with a zone, or seconds since 1970", RECEIVED),
    Rule("ack", "changes", MUST, "an ack from -1 to 4", CHANGES),
    Rule("send-id", "answers", MUST, "the sendId of a message.send", SENDING),
    Rule("answer", "answers", MUST, "one final answer to each sendId, in time", SENDING),
    Rule("answer-wid", "answers", MUST, "the wid of the message in message.sent", SENDING),
    Rule("error-class", "answers", SHOULD, "a documented errorClass", SENDING),
    Rule("sent", "sends", MUST, "message.sent for a text to the given number", SENDING),
    Rule("repeated", "sends", MUST, "a repeated message.send is not sent again", SENDING),
    Rule("expired", "sends", MUST, "message.failed with expired, and nothing is sent", SENDING),
    Rule("no-whatsapp", "sends", MUST, "message.failed with final_recipient", SENDING),
)
RULES_BY_NAME = {rule.name: rule for rule in RULES}


def build_check(rule_name: str, subject: str, sent: str, problem: str = "") -> Check:
    """Return the check of a rule; it failed if there is a problem."""
    rule = RULES_BY_NAME[rule_name]
    return Check(
        area=rule.area,
        name=f"{rule.name}: {subject}",
        level=rule.level,
        passed=not problem,
        sent=sent,
        came=problem or "as expected",
        expected=rule.expected,
        documented=rule.documented,
    )
