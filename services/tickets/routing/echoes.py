"""Echoes of our own sends that arrive before their send results.

Such an echo (for example of a farewell) must not reopen its closed ticket.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.tickets.domain.keys import ConversationKey, MessageKey
from services.tickets.domain.plan import Plan
from services.tickets.routing.rules import Conversation, get_conversation_key, get_message_key
from shared.contracts.message import MessageIdentified


@dataclass(frozen=True, slots=True)
class EchoCandidate:
    """A message of ours, and the closed ticket in which it may have been sent.

    A placeholder has no `body` to compare.
    """

    company_id: int
    whatsapp_id: int
    wid: str
    ticket_id: int
    body: str | None
    written_at: datetime


def find_candidates(
    plan: Plan,
    conversations: Mapping[ConversationKey, Conversation],
    stored: Collection[MessageKey],
    batch: Sequence[MessageIdentified],
) -> list[EchoCandidate]:
    """Return our messages that are not stored and whose conversation has only closed tickets."""
    closed = {
        t.conversation: t.id for t in plan.tickets.values() if t.conversation not in plan.live
    }
    candidates: dict[MessageKey, EchoCandidate] = {}
    for message in batch:
        key = get_message_key(message)
        conversation = conversations.get(get_conversation_key(message))
        if conversation is None or not message.from_me or key in stored:
            continue
        if conversation.key in closed:
            ticket_id = closed[conversation.key]
            body = None if message.is_placeholder else message.body
            candidates[key] = EchoCandidate(*key, ticket_id, body, message.timestamp)
    return list(candidates.values())
