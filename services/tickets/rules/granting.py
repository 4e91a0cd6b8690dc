"""A batch of requests, decided one after the other over the tickets as they were loaded."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.tickets.rules.life_cycle import Decision, decide
from services.tickets.rules.plan import Answer, Plan, TicketKey
from services.tickets.rules.steps import Circumstances
from services.tickets.rules.tickets import Refusal, Tag
from shared.contracts.outcome import Dead
from shared.contracts.ticket_request import TicketRequest

Named = tuple[int, int]  # companyId, id


@dataclass(frozen=True, slots=True)
class House:
    """What the companies of a batch have, of what its requests name.

    `users` maps each to his words of farewell, `queues` to whether tickets put there are closed,
    `tags` to what they are; `successors` maps a closed ticket to the one that it goes on as.
    """

    companies: Collection[int]
    users: Mapping[Named, str]
    queues: Mapping[Named, bool]
    successors: Mapping[TicketKey, int]
    tags: Mapping[Named, Tag]


def key_of(request: TicketRequest) -> TicketKey:
    """Name the ticket that a request is about."""
    return request.company_id, request.ticket_id


def users_of(batch: Iterable[TicketRequest]) -> set[Named]:
    """Name the users that requests name."""
    return {(request.company_id, user) for request in batch for user in _users(request)}


def queues_of(batch: Iterable[TicketRequest]) -> set[Named]:
    """Name the queues that requests name."""
    return {(request.company_id, queue) for request in batch for queue in _queues(request)}


def tags_of(batch: Iterable[TicketRequest]) -> set[Named]:
    """Name the tags that requests name."""
    return {(request.company_id, tag) for request in batch for tag in _tags(request)}


def grant(plan: Plan, house: House, batch: Sequence[TicketRequest]) -> None:
    """Grant or refuse each request; a later one sees what an earlier one did."""
    for request in batch:
        if request.company_id not in house.companies:
            detail = f"there is no company {request.company_id}"
            plan.outcome.append(Dead(request, "unknown-company", detail))
            continue
        decision = _unknown(plan, house, request) or _decided(plan, house, request)
        if isinstance(decision, Refusal):
            plan.answers.append(Answer(request, request.request_id, key_of(request), decision))
        else:
            plan.take(request, request.request_id, decision)


def _unknown(plan: Plan, house: House, request: TicketRequest) -> Refusal | None:
    company_id = request.company_id
    if key_of(request) not in plan.tickets:
        return Refusal("no such ticket")
    if any((company_id, user) not in house.users for user in _users(request)):
        return Refusal("no such user")
    if any((company_id, queue) not in house.queues for queue in _queues(request)):
        return Refusal("no such queue")
    if any((company_id, tag) not in house.tags for tag in _tags(request)):
        return Refusal("no such tag")
    return None


def _decided(plan: Plan, house: House, request: TicketRequest) -> Decision:
    key = key_of(request)
    ticket = plan.tickets[key]
    other = plan.live.get(ticket.key)
    now = Circumstances(
        at=plan.at(key),
        other_ticket_id=None if other == ticket.id else other,
        successor_id=house.successors.get(key),
        closing_queues={queue for _, queue in queues_of([request]) if house.queues[key[0], queue]},
        farewells={user: house.users[key[0], user] for user in _users(request)},
        tags=[house.tags[key[0], tag] for tag in _tags(request)],
    )
    return decide(ticket, request, now)


def _users(request: TicketRequest) -> list[int]:
    named = (request.actor_id, getattr(request, "user_id", None))
    return [user for user in named if user is not None]


def _queues(request: TicketRequest) -> list[int]:
    queue: int | None = getattr(request, "queue_id", None)
    return [] if queue is None else [queue]


def _tags(request: TicketRequest) -> list[int]:
    lane: int | None = getattr(request, "lane_id", None)
    return [*getattr(request, "tag_ids", ()), *([] if lane is None else [lane])]
