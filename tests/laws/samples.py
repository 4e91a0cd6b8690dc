"""Sample events of every subscribed contract: batches of any size, and one invalid event."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from shared.contracts.campaign import CampaignSend
from shared.contracts.connection import ConnectionUpdated
from shared.contracts.contact import (
    ContactConsent,
    ContactLink,
    ContactMerged,
    ContactMove,
    ContactMoved,
)
from shared.contracts.contact_request import ContactDelete, ContactSave
from shared.contracts.gateway import EvolutionRecord, GatewayReceived
from shared.contracts.message import (
    MessageIdentified,
    MessageReceived,
    MessageRefused,
    MessageRouted,
    MessagesMoved,
    MessagesSeen,
    MessageStored,
    MessageUpdated,
)
from shared.contracts.message_change import (
    MessageAcked,
    MessageDeleted,
    MessageEdited,
    MessageReacted,
    MessageRead,
)
from shared.contracts.message_request import (
    MessageChangeRequest,
    MessageCompose,
    MessageDelete,
    MessageEdit,
    MessageMarkRead,
    MessageReact,
)
from shared.contracts.record_request import DELETES, SAVES, RecordRequest
from shared.contracts.send_result import MessageFailed, MessageSent, SendResult
from shared.contracts.ticket import TicketTransferred, TicketViewed
from shared.contracts.ticket_request import (
    TicketAccept,
    TicketClose,
    TicketMove,
    TicketNote,
    TicketOpen,
    TicketQueue,
    TicketRate,
    TicketRequest,
    TicketReturn,
    TicketTag,
    TicketTransfer,
    TicketUntag,
    TicketView,
)
from tests.support.build import at, identified, job, received, refused, routed, stored

PEOPLE = 40  # contacts that exist before the batch; every second one has a ticket
WORLD = f"""
INSERT INTO "Companies" (id, name) VALUES (1, 'Empresa 1');
INSERT INTO "Whatsapps" (id, "companyId", name, "allowGroup") VALUES (10, 1, 'Linha', TRUE);
INSERT INTO "GatewayConnections" (gateway, instance, "companyId", "whatsappId")
  VALUES ('evolution', 'loja', 1, 10);
INSERT INTO "Campaigns" (id, "companyId", "whatsappId", name) VALUES (7, 1, 10, 'Promo');
INSERT INTO "Users" (id, "companyId", name, email, "passwordHash")
  VALUES (5, 1, 'Ana', 'ana@example.com', ''), (6, 1, 'Rui', 'rui@example.com', '');
INSERT INTO "Queues" (id, "companyId", name, color)
  VALUES (7, 1, 'Vendas', '#aaa'), (8, 1, 'Suporte', '#bbb');
INSERT INTO "Tags" (id, "companyId", name, kanban)
  VALUES (1, 1, 'VIP', 0), (2, 1, 'Atacado', NULL), (21, 1, 'Novos', 1), (22, 1, 'Propostas', 1);
INSERT INTO "Tags" (id, "companyId", name, kanban, "timeLane", "nextLaneId", "rollbackLaneId")
  VALUES (23, 1, 'Esperando', 1, 30, 22, 21);
UPDATE "Tags" SET "greetingMessageLane" = 'Ainda quer?' WHERE id = 22;
INSERT INTO "Contacts" (id, "companyId", name, number)
  SELECT 100 + n, 1, 'Pessoa ' || n, '55119900000' || lpad(n::text, 2, '0')
  FROM generate_series(0, {PEOPLE - 1}) AS n;
INSERT INTO "Tickets" (id, "companyId", "whatsappId", "contactId", status)
  SELECT 1000 + n, 1, 10, 100 + 2 * n, 'pending' FROM generate_series(0, {PEOPLE // 2 - 1}) AS n;
INSERT INTO "TicketTags" ("companyId", "ticketId", "tagId") VALUES (1, 1003, 23);
INSERT INTO "LaneTimers" ("companyId", "ticketId", "laneId", "nextMoveAt")
  VALUES (1, 1003, 23, '2099-01-01T00:00:00Z');
INSERT INTO "Messages" ("companyId", "whatsappId", "ticketId", wid, body, "createdAt")
  SELECT 1, 10, 1000 + n % {PEOPLE // 2}, kind || n, 'Oi', '2026-08-20T12:00:00Z'
  FROM generate_series(0, 199) AS n, unnest(ARRAY['S', 'E', 'D', 'R', 'M']) AS kind;
INSERT INTO "Messages" ("companyId", "whatsappId", "ticketId", wid, body, "fromMe", read,
                        "createdAt")
  SELECT 1, 10, 1000 + n % {PEOPLE // 2}, kind || n, 'Oi', TRUE, TRUE, '2026-08-20T11:00:00Z'
  FROM generate_series(0, 199) AS n, unnest(ARRAY['P', 'F']) AS kind;
INSERT INTO "Sends" ("companyId", "sendId", "whatsappId", chat, wid, "messageId", place)
  SELECT 1, wid, 10, 'chat', wid, id, 0 FROM "Messages" WHERE "fromMe";
INSERT INTO "Sends" ("companyId", "sendId", "whatsappId", chat, wid, place, change)
  SELECT 1, kind || 'C' || n, 10, 'chat', kind || 'C' || n, 0, jsonb_build_object(
    'kind', (ARRAY['react', 'edit', 'delete', 'markRead'])[1 + n % 4], 'request_id', 'c' || n,
    'chat', 'chat', 'message_id', 0, 'wid', kind || n, 'text', 'melhor', 'answered', '')
  FROM generate_series(1, 199, 2) AS n, unnest(ARRAY['P', 'F']) AS kind;
INSERT INTO "MessageTemplates" ("companyId", "whatsappId", name, language, status, body)
  VALUES (1, 10, 'promo', 'pt_BR', 'APPROVED', 'Oi {{{{1}}}}');
"""  # noqa: S608 - the test's own numbers


@dataclass(frozen=True, slots=True)
class Sample:
    """Builders of events of one contract: a batch, and an event that a handler must reject."""

    batch: Callable[[int], Sequence[BaseModel]]
    impossible: Callable[[], BaseModel]


def _person(n: int) -> dict[str, object]:
    chat = f"55119900000{n % PEOPLE:02}"
    return {"chat": chat, "jid": f"{chat}@s.whatsapp.net", "timestamp": at(n / 10)}


def _known_as(n: int) -> dict[str, object]:
    """Build the BSUID of every second person, in one of two portfolios."""
    return {"bsuid": f"BR.{n % PEOPLE}", "portfolio": f"P{n % 4}"} if n % 2 else {}


def _member(n: int) -> dict[str, object]:
    return {**_person(n), "contact_id": 100 + n % PEOPLE, "sender_id": 100 + n % PEOPLE}


def _pair(n: int) -> int:
    """Return a number that every fourth message, a content, has from the one before."""
    return n - 1 if n % 4 == 3 else n


def _hide(n: int) -> dict[str, object]:
    """Return the members that make every fourth message a placeholder."""
    return {"body": "", "media_type": "undecryptable"} if n % 4 == 2 else {}


def _raw(n: int, **members: object) -> EvolutionRecord:
    data = {
        "key": {"remoteJid": f"5511990{n:06}@s.whatsapp.net", "fromMe": False, "id": f"E{n}"},
        "message": {"conversation": f"oi {n}"},
        "messageTimestamp": 1787228103 + n,
    }
    given = {"event": "messages.upsert", "instance": "loja", "server_url": "x", "data": data}
    return EvolutionRecord.model_validate(given | members)


def _posted(n: int, body: str) -> GatewayReceived:
    return GatewayReceived(
        company_id=1, whatsapp_id=10, gateway="evolution", received_at=at(n), body=body
    )


def _change(n: int, wid: str, **members: object) -> dict[str, Any]:
    """Build a change of one of our messages or, every second time, of one not stored yet."""
    wid = f"{wid}{n}" if n % 2 else f"{wid}-to-come-{n}"
    chat = f"55119900000{n % PEOPLE:02}"
    given = {"company_id": 1, "whatsapp_id": 10, "chat": chat, "wid": wid, "timestamp": at(n)}
    return given | members


def _of_no_line() -> MessageAcked:
    return MessageAcked(**_change(1, "S", whatsapp_id=99), ack=3)


def _changed(n: int, **members: object) -> MessageUpdated:
    given = {
        **_change(1, "S"), "wid": f"S{n}", "message_id": n, "version": n, "ack": 3,
        "ticket_id": 1000 + n % (PEOPLE // 2), "is_edited": True, "is_deleted": False,
        "read": True, "changes": ("body", "content") if n % 4 == 3 else ("body", "read"),
    }  # fmt: skip
    return MessageUpdated.model_validate(given | members)


def _link(n: int, **members: object) -> ContactLink:
    given = {
        "company_id": 1, "request_id": f"link:{n}", "lid": f"{n}@lid",
        "number": f"55119900000{n:02}",
    }  # fmt: skip
    return ContactLink.model_validate(given | members)


def _move(n: int, **members: object) -> ContactMove:
    given = {
        "company_id": 1, "request_id": f"move:{n}", "number": f"55118800000{n:02}",
        "new_number": f"55118810000{n:02}", "timestamp": at(n), "whatsapp_id": 10,
        "bsuid": f"BR.{n}", "new_bsuid": f"BR.9{n}",
    }  # fmt: skip
    return ContactMove.model_validate(given | members)


def _has_moved(n: int, **members: object) -> ContactMoved:
    given = {
        "company_id": 1, "contact_id": 100 + n % PEOPLE, "number": f"{n}",
        "new_number": f"9{n}", "is_renamed": n % 2 == 0, "timestamp": at(n),
    }  # fmt: skip
    return ContactMoved.model_validate(given | members)


def _save(n: int, **members: object) -> ContactSave:
    """Build a request about one of the contacts; some cannot be granted."""
    given = {
        "company_id": 1, "request_id": f"save:{n}", "contact_id": 100 + n % PEOPLE,
        "email": f"{n}@example.com", "blocked": n % 2 == 0, "tag_ids": (1, 2)[: n % 3],
        "wallet_ids": (5, 6) if n % 7 else (99,), "custom_fields": {"CPF": str(n)},
    }  # fmt: skip
    return ContactSave.model_validate(given | members)


def _delete(n: int, **members: object) -> ContactDelete:
    given = {"company_id": 1, "request_id": f"delete:{n}", "contact_id": 100 + 3 * n % PEOPLE}
    return ContactDelete.model_validate(given | members)


def _consent(n: int, **members: object) -> ContactConsent:
    given = {
        "company_id": 1, "request_id": f"consent:{n}", "contact_id": 100 + n % PEOPLE,
        "consented_at": at(n % PEOPLE),
    }  # fmt: skip
    return ContactConsent.model_validate(given | members)


def _transferred(ticket_id: int, **members: object) -> TicketTransferred:
    given = {
        "company_id": 1, "ticket_id": ticket_id, "version": 1, "status": "closed",
        "contact_id": 100, "whatsapp_id": 10, "successor_ticket_id": 1000,
    }  # fmt: skip
    return TicketTransferred.model_validate(given | members)


def _merged(loser: int, **members: object) -> ContactMerged:
    given = {"company_id": 1, "contact_id": 100, "merged_contact_id": loser, "version": 1}
    return ContactMerged.model_validate(given | members)


def _moved(n: int, **members: object) -> MessagesMoved:
    given = {"company_id": 1, "ticket_id": 1000 + n % (PEOPLE // 2), "from_ticket_id": 999}
    return MessagesMoved.model_validate(given | members)


def _seen(n: int, **members: object) -> MessagesSeen:
    given = {"company_id": 1, "ticket_id": 1000 + n % (PEOPLE // 2)}
    return MessagesSeen.model_validate(given | members)


def _viewed(n: int, **members: object) -> TicketViewed:
    given = {
        "company_id": 1, "ticket_id": 1000 + n % (PEOPLE // 2), "version": 1, "status": "open",
        "contact_id": 100, "whatsapp_id": 10, "seen_until": at(n) if n % 3 else None,
    }  # fmt: skip
    return TicketViewed.model_validate(given | members)


def _asked(kind: type[TicketRequest], **members: object) -> Sample:
    """Build requests about all tickets in turn; the invalid one is of an unknown company."""

    def ask(n: int, **more: object) -> TicketRequest:
        given = {
            "company_id": 1, "ticket_id": 1000 + n % (PEOPLE // 2), "actor_id": 5 + n % 2,
            "request_id": f"{kind.type}:{n}",
        }  # fmt: skip
        return kind.model_validate(given | members | more)

    return Sample(lambda size: [ask(n) for n in range(size)], lambda: ask(0, company_id=99))


def _open(n: int, **members: object) -> TicketOpen:
    """Open a ticket with each contact in turn; every second one has a ticket."""
    given = {
        "company_id": 1, "whatsapp_id": 10, "contact_id": 100 + n % PEOPLE, "user_id": 5 + n % 2,
        "request_id": f"open:{n}",
    }  # fmt: skip
    return TicketOpen.model_validate(given | members)


def _compose(n: int, **members: object) -> MessageCompose:
    """Build a message request; every second contact has a ticket."""
    given = {
        **_person(n), "company_id": 1, "whatsapp_id": 10, "request_id": f"q{n}", "body": f"Oi {n}",
        "is_private": n % 5 == 0, "quoted_wid": f"S{n}" if n % 3 else None,
        "ticket_id": 1000 + n % PEOPLE // 2 if n % 4 == 0 else None,
    }  # fmt: skip
    if n % 5 == 2:
        name = "promo" if n % 4 else "nothing"
        parameters = [{"text": f"{n}"}]
        given["template"] = {"name": name, "language": "pt_BR", "body": parameters}
        given["body"] = ""
    return MessageCompose.model_validate(given | members)


def _change_asked(kind: type[MessageChangeRequest], wids: str, **members: object) -> Sample:
    """Build requests to change messages; some are not stored, some of another chat."""

    def ask(n: int, **more: object) -> MessageChangeRequest:
        given: dict[str, Any] = {
            "company_id": 1, "whatsapp_id": 10, "chat": f"55119900000{2 * n % PEOPLE:02}",
            "request_id": f"{kind.type}:{n}", "wid": f"{wids}{n}" if n % 3 else "nothing",
            "timestamp": at(n),
        }  # fmt: skip
        if n % 7 == 0:
            given |= {"wid": None, "message_id": 2**31 - 1}
        return kind.model_validate(given | members | more)

    return Sample(lambda size: [ask(n) for n in range(size)], lambda: ask(1, whatsapp_id=99))


def _result_of_change(n: int, kind: str) -> dict[str, Any]:
    """Build the members of the result of every second requested change."""
    return {**_answer(n, kind), "send_id": f"{kind}C{n}", "wid": f"{kind}CW{n}"}


def _answer(n: int, kind: str, **members: object) -> dict[str, Any]:
    """Build the members of a send result; every second send is not known yet."""
    given = _change(n, kind)
    del given["wid"]
    send_id = f"{kind}{n}" if n % 2 else f"{kind}-of-others-{n}"
    return {**given, "send_id": send_id, "wid": f"{kind}W{n}", **members}


def _answer_of_no_line() -> SendResult:
    return MessageSent(**_answer(1, "P", whatsapp_id=99))


def _state(n: int, **members: object) -> ConnectionUpdated:
    given = {"company_id": 1, "whatsapp_id": 10, "status": "CONNECTED", "timestamp": at(n)}
    return ConnectionUpdated.model_validate(given | members)


def _saved(owner: str, table: str, row: Callable[[int], dict[str, Any]]) -> Sample:
    """Build requests to save rows."""
    return _of_rows(SAVES[owner], table, row)


def _deleted(owner: str, table: str, row: Callable[[int], dict[str, Any]]) -> Sample:
    return _of_rows(DELETES[owner], table, row)


def _of_rows(kind: type[RecordRequest], table: str, row: Callable[[int], dict[str, Any]]) -> Sample:
    def ask(n: int, company_id: int = 1) -> RecordRequest:
        request_id = f"{kind.type}:{n}"
        return kind(company_id=company_id, request_id=request_id, table=table, rows=(row(n),))

    return Sample(lambda size: [ask(n) for n in range(size)], lambda: ask(0, company_id=99))


RECORDS: dict[type[BaseModel], Sample] = {
    SAVES["tickets"]: _saved("tickets", "Queues", lambda n: {"name": f"Q{n % 9}", "color": "#fff"}),
    SAVES["messages"]: _saved(
        "messages", "ApiUsages", lambda n: {"dateUsed": f"0{n % 9}/08/2026", "usedText": n}
    ),
    SAVES["contacts"]: _saved("contacts", "Tags", lambda n: {"name": f"T{n}", "kanban": n % 2}),
    SAVES["campaigns"]: _saved("campaigns", "FlowBuilders", lambda n: {"name": f"F{n % 9}"}),
    DELETES["tickets"]: _deleted("tickets", "Settings", lambda n: {"key": f"k{n}"}),
    DELETES["messages"]: _deleted(
        "messages", "ApiUsages", lambda n: {"dateUsed": f"0{n % 5}/08/2026"}
    ),
    DELETES["contacts"]: _deleted(
        "contacts", "ContactTags", lambda n: {"contactId": n, "tagId": 1}
    ),
    DELETES["campaigns"]: _deleted("campaigns", "FlowBuilders", lambda n: {"name": f"F{n % 5}"}),
}
SAMPLES: dict[type[BaseModel], Sample] = {
    MessageReceived: Sample(
        lambda size: [
            received(f"R{n}", push_name=None, **_person(n), **_known_as(n)) for n in range(size)
        ],
        lambda: received("bad", whatsapp_id=99),
    ),
    MessageIdentified: Sample(
        lambda size: [
            identified(f"I{_pair(n)}", **_member(_pair(n)), **_hide(n)) for n in range(size)
        ],
        lambda: identified("bad", contact_id=9999),
    ),
    MessageRouted: Sample(
        lambda size: [
            routed(
                f"T{_pair(n)}",
                ticket_id=1000 + _pair(n) % (PEOPLE // 2),
                quoted_wid=f"T{n - 1}" if n else None,
                **_member(_pair(n)),
                **_hide(n),
            )
            for n in range(size)
        ],
        lambda: routed("bad", ticket_id=9999),
    ),
    MessageStored: Sample(
        lambda size: [stored(f"S{n}", ticket_id=1000 + n % (PEOPLE // 2)) for n in range(size)],
        lambda: stored("bad", ticket_id=9999),
    ),
    MessageRefused: Sample(
        lambda size: [refused(f"S{n}", ticket_id=1000 + n % (PEOPLE // 2)) for n in range(size)],
        lambda: refused("bad", ticket_id=9999, ticket_effect="opened"),
    ),
    CampaignSend: Sample(
        lambda size: [job(f"55119900{n:05}") for n in range(size)],
        lambda: job(campaign_id=99),
    ),
    GatewayReceived: Sample(
        lambda size: [_posted(n, _raw(n).model_dump_json()) for n in range(size)],
        lambda: _posted(0, "{"),
    ),
    MessageAcked: Sample(
        lambda size: [
            MessageAcked(**_change(n, "S"), ack=n % 4, error_code=str(n), error="no")
            for n in range(size)
        ],
        _of_no_line,
    ),
    MessageEdited: Sample(
        lambda size: [MessageEdited(**_change(n, "E"), body=f"melhor {n}") for n in range(size)],
        _of_no_line,
    ),
    MessageDeleted: Sample(
        lambda size: [MessageDeleted(**_change(n, "D")) for n in range(size)], _of_no_line
    ),
    MessageReacted: Sample(
        lambda size: [
            MessageReacted(**_change(n, "R"), emoji="👍" if n % 3 else "", from_me=n % 5 == 0)
            for n in range(size)
        ],
        _of_no_line,
    ),
    MessageRead: Sample(
        lambda size: [MessageRead(**_change(n, "M")) for n in range(size)], _of_no_line
    ),
    MessageUpdated: Sample(
        lambda size: [_changed(n) for n in range(size)], lambda: _changed(1, ticket_id=9999)
    ),
    MessagesMoved: Sample(
        lambda size: [_moved(n) for n in range(size)], lambda: _moved(0, ticket_id=9999)
    ),
    MessagesSeen: Sample(
        lambda size: [_seen(n) for n in range(size)], lambda: _seen(0, ticket_id=9999)
    ),
    TicketAccept: _asked(TicketAccept, user_id=5),
    TicketOpen: Sample(
        lambda size: [_open(n) for n in range(size)], lambda: _open(0, company_id=99)
    ),
    TicketReturn: _asked(TicketReturn),
    TicketQueue: _asked(TicketQueue, queue_id=7),
    TicketTransfer: _asked(TicketTransfer, user_id=6, queue_id=8),
    TicketClose: _asked(TicketClose),
    TicketView: _asked(TicketView),
    TicketRate: _asked(TicketRate, rate=9),
    TicketNote: _asked(TicketNote, note="Liga amanhã"),
    TicketTag: _asked(TicketTag, tag_ids=(1, 2)),
    TicketUntag: _asked(TicketUntag, tag_ids=(1,)),
    TicketMove: _asked(TicketMove, lane_id=21),
    ContactLink: Sample(
        lambda size: [_link(n) for n in range(size)], lambda: _link(1, company_id=99)
    ),
    ContactMove: Sample(
        lambda size: [_move(n) for n in range(size)], lambda: _move(1, company_id=99)
    ),
    ContactMoved: Sample(
        lambda size: [_has_moved(n) for n in range(size)],
        lambda: _has_moved(1, contact_id=2**31 - 1),
    ),
    ContactSave: Sample(
        lambda size: [_save(n) for n in range(size)], lambda: _save(1, company_id=99)
    ),
    ContactDelete: Sample(
        lambda size: [_delete(n) for n in range(size)], lambda: _delete(1, company_id=99)
    ),
    ContactConsent: Sample(
        lambda size: [_consent(n) for n in range(size)], lambda: _consent(1, company_id=99)
    ),
    TicketTransferred: Sample(
        lambda size: [_transferred(1000 + n % PEOPLE) for n in range(size)],
        lambda: _transferred(2**31 - 1, version=2**70),
    ),
    TicketViewed: Sample(
        lambda size: [_viewed(n) for n in range(size)],
        lambda: _viewed(1, ticket_id=2**31 - 1, version=2**70),
    ),
    ContactMerged: Sample(
        lambda size: [_merged(100 + n % PEOPLE) for n in range(size)],
        lambda: _merged(100, contact_id=9999),
    ),
    MessageCompose: Sample(
        lambda size: [_compose(n) for n in range(size)], lambda: _compose(0, whatsapp_id=99)
    ),
    MessageReact: _change_asked(MessageReact, "S", emoji="👍"),
    MessageEdit: _change_asked(MessageEdit, "P", body="melhor"),
    MessageDelete: _change_asked(MessageDelete, "F"),
    MessageMarkRead: _change_asked(MessageMarkRead, "M"),
    MessageSent: Sample(
        lambda size: [
            MessageSent(**members)
            for n in range(size)
            for members in (_answer(n, "P"), _result_of_change(n, "P"))
        ],
        _answer_of_no_line,
    ),
    MessageFailed: Sample(
        lambda size: [
            MessageFailed(**members, error_class="unknown" if n % 3 else "retry", error_code=str(n))
            for n in range(size)
            for members in (_answer(n, "F"), _result_of_change(n, "F"))
        ],
        _answer_of_no_line,
    ),
    ConnectionUpdated: Sample(
        lambda size: [_state(n) for n in range(size)], lambda: _state(0, whatsapp_id=99)
    ),
    EvolutionRecord: Sample(
        lambda size: [_raw(n) for n in range(size)], lambda: _raw(0, instance="nobody")
    ),
    **RECORDS,
}
