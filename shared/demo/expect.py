"""What must stand in the database once everything that was said has gone through."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from shared.contracts.campaign import CampaignSend
from shared.demo.cast import Group, Person, Place, Stage
from shared.demo.crowd import Said
from shared.demo.evolution import media_url
from shared.demo.facts import (
    ContactFact,
    Facts,
    MessageFact,
    SendFact,
    ShippingFact,
    TicketFact,
)
from shared.demo.normal import MEDIA_TYPES


def expected(said: Sequence[Said], jobs: Iterable[CampaignSend], stage: Stage) -> Facts:
    """Derive every row from the messages themselves, whatever order they were told in."""
    kept = [one for one in said if one.line.allow_group or not one.is_group]
    shippings = {(job.campaign_id, job.number): job for job in jobs}
    lines = {campaign.id: campaign.place.whatsapp_id for campaign in stage.campaigns}
    return Facts(
        messages=[_message(one, stage.places[one.line.instance]) for one in kept],
        tickets=_tickets(kept, stage),
        contacts=_contacts(kept, stage),
        shippings=[
            ShippingFact(job.company_id, job.campaign_id, job.number, job.message)
            for job in shippings.values()
        ],
        sends=[
            SendFact(
                job.company_id, lines[job.campaign_id], job.campaign_id, job.number, job.message
            )
            for job in shippings.values()
        ],
    )


def _message(said: Said, place: Place) -> MessageFact:
    return MessageFact(
        company_id=place.company_id,
        whatsapp_id=place.whatsapp_id,
        wid=said.wid,
        contact=said.chat.identity,
        sender=said.author.identity if said.author else None,
        from_me=said.author is None,
        media_type=MEDIA_TYPES[said.kind],
        body=said.text,
        quoted_wid=said.quoted.wid if said.quoted else None,
        at=said.at,
    )


def _tickets(said: Iterable[Said], stage: Stage) -> list[TicketFact]:
    chats: dict[tuple[str, str], list[Said]] = defaultdict(list)
    for one in said:
        chats[one.line.instance, one.chat.identity].append(one)
    return [_ticket(chat, stage.places[instance]) for (instance, _), chat in chats.items()]


def _ticket(chat: list[Said], place: Place) -> TicketFact:
    """Count what customers wrote strictly after our last message; equal seconds are not after."""
    newest = max(chat, key=lambda one: (one.at, one.wid))
    answered = max((one.at for one in chat if one.author is None), default=None)
    unread = [one for one in chat if one.author and (answered is None or one.at > answered)]
    as_ticket = newest.line.group_as_ticket or not newest.is_group
    return TicketFact(
        company_id=place.company_id,
        whatsapp_id=place.whatsapp_id,
        contact=newest.chat.identity,
        status="pending" if as_ticket else "group",
        is_group=newest.is_group,
        unread=len(unread),
        last_message=newest.text or _file_name(newest),
        from_me=newest.author is None,
    )


def _file_name(said: Said) -> str:
    return (media_url(said) or "").rpartition("/")[2]


def _contacts(said: Iterable[Said], stage: Stage) -> list[ContactFact]:
    """Everybody who was written to or wrote; only who wrote has told a name."""
    seen: dict[tuple[int, str], tuple[Person | Group, bool]] = {}
    for one in said:
        company_id = stage.places[one.line.instance].company_id
        for who in (one.chat, one.author):
            if who is not None:
                _, wrote = seen.get((company_id, who.identity), (who, False))
                seen[company_id, who.identity] = who, wrote or who == one.author
    return [_contact(company_id, *found) for (company_id, _), found in seen.items()]


def _contact(company_id: int, who: Person | Group, wrote: bool) -> ContactFact:  # noqa: FBT001 - a fact, not a switch
    return ContactFact(
        company_id=company_id,
        identity=who.identity,
        number=who.id if isinstance(who, Group) else who.number,
        lid=None if isinstance(who, Group) else who.lid,
        is_group=isinstance(who, Group),
        name=who.name if isinstance(who, Person) and wrote else None,
    )
