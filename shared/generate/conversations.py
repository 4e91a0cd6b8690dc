"""Writes the conversation of one ticket: its messages, and when what happened to it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from shared.generate import words
from shared.generate.companies import Company
from shared.generate.dice import Dice
from shared.generate.times import find_open_time
from shared.generate.words import Texts

OPEN, PENDING, CLOSED, NPS, LGPD = "open", "pending", "closed", "nps", "lgpd"
TEXT: Final = "conversation"
# What customers send beside texts, with the endings of the files and how frequent each is.
MEDIA: Final = (("image", "jpg"), ("audio", "ogg"), ("video", "mp4"), ("application", "pdf"),
                ("stickerMessage", "webp"))  # fmt: skip
MEDIA_WEIGHTS: Final = (45, 30, 5, 10, 10)
WITH_CAPTION: Final = ("image", "video")

MEDIA_SHARE: Final = 0.08  # of customers' messages
CAPTION_SHARE: Final = 0.4
QUOTE_SHARE: Final = 0.05
OWN_DEMAND_SHARE: Final = 0.08  # of tickets, which begin with a message of ours
MENU_SHARE: Final = 0.85
RATING_SHARE: Final = 0.6
ANSWERED_SHARE: Final = 0.7  # of questions for a rating
FAREWELL_SHARE: Final = 0.85
AGAIN_SHARE: Final = 0.35  # of messages, after which the same side goes on
VIEWED_SHARE: Final = 0.4  # of open tickets, whose last messages the user has seen
SEEN_AT_CLOSE_SHARE: Final = 0.95

CONSENT_MESSAGES: Final = 3
FEWEST_FOR_CONSENT: Final = 6
FEWEST_FOR_MENU: Final = 4
FEWEST_FOR_RATING: Final = 5
FEWEST_FOR_FAREWELL: Final = 3
RATES: Final = (10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
RATE_WEIGHTS: Final = (48, 18, 12, 6, 3, 4, 1, 2, 2, 2, 2)
RATING_EXPIRES_S: Final = 30 * 60


@dataclass(slots=True, eq=False)
class Draft:
    """A message of a conversation, before it has an id; `at` is in seconds since 1970."""

    at: float
    is_from_me: bool
    body: str
    queue_id: int | None
    media_type: str = TEXT
    file_name: str | None = None
    is_read: bool = False
    quoted: "Draft | None" = None
    message_id: int = 0

    @property
    def shown(self) -> str:
        """Return what a ticket shows of its last message."""
        return self.body or self.file_name or self.media_type


@dataclass(frozen=True, slots=True)
class Log:
    """A logged change of the ticket."""

    at: float
    type: str
    user_id: int | None
    queue_id: int | None


@dataclass(slots=True)
class Conversation:
    """The messages and the times of a ticket with one attendance.

    Attributes with `_at` are seconds since 1970, None for what did not happen.
    """

    begun_at: float
    status: str
    drafts: list[Draft] = field(default_factory=list)
    logs: list[Log] = field(default_factory=list)
    user_id: int | None = None
    queue_id: int | None = None
    is_own_demand: bool = False
    rate: int | None = None
    bot_questions: int = 0
    consent_asked_at: float | None = None
    consented_at: float | None = None
    chatbot_at: float | None = None
    queued_at: float | None = None
    started_at: float | None = None
    closed_at: float | None = None
    finished_at: float | None = None
    rating_at: float | None = None

    @property
    def ended_at(self) -> float:
        """Return the time of the last thing that happened."""
        return max(self.drafts[-1].at, self.logs[-1].at)

    @property
    def unread(self) -> int:
        """Return how many messages the customer has written since we wrote or read."""
        number = 0
        for draft in reversed(self.drafts):
            if draft.is_from_me or draft.is_read:
                break
            number += 1
        return number

    def end_before(self, until: float) -> None:
        """Let everything happen faster if it would not be over by then."""
        if self.ended_at < until:
            return
        factor = (until - self.begun_at) / (self.ended_at - self.begun_at + 1)

        def move(at: float) -> float:
            return self.begun_at + (at - self.begun_at) * factor

        for draft in self.drafts:
            draft.at = move(draft.at)
        self.logs = [Log(move(log.at), log.type, log.user_id, log.queue_id) for log in self.logs]
        for name in TIMES:
            if (at := getattr(self, name)) is not None:
                setattr(self, name, move(at))


TIMES: Final = (
    "consent_asked_at", "consented_at", "chatbot_at", "queued_at", "started_at", "closed_at",
    "finished_at", "rating_at",
)  # fmt: skip


class ConversationWriter:
    """Writes conversations of any length."""

    def __init__(self, dice: Dice, texts: Texts) -> None:
        self._dice, self._texts = dice, texts
        self._now = 0.0
        self._seen = 0  # how many messages the user has seen
        self._company = Company(0, 0, asks_rating=False, asks_consent=False)
        self._told = Conversation(0, CLOSED)

    def write(
        self, company: Company, begun_at: float, messages: int, status: str, *, is_new: bool
    ) -> Conversation:
        """Return a conversation of so many messages, which leaves the ticket in this status.

        Statuses that need a question which does not fit in become `open` or `pending`. `is_new`
        says that it is the customer's first one.
        """
        self._company, self._now, self._seen = company, begun_at, 0
        told = self._told = Conversation(begun_at, status)
        if status == LGPD and messages == 1:
            told.status = PENDING
        if status == NPS and messages < FEWEST_FOR_RATING:
            told.status = OPEN
        self._log("lgpd" if self._asks_consent(messages, is_new=is_new) else "create")
        left = messages
        if told.logs[0].type == "lgpd":
            left -= self._ask_consent()
        if told.status == LGPD:
            self._say_more(left)
            return told
        left -= self._choose_queue(left)
        ending = self._plan_ending(left)
        self._talk(left - ending)
        self._end(ending)
        return told

    def _asks_consent(self, messages: int, *, is_new: bool) -> bool:
        wanted = self._company.asks_consent and is_new and messages >= FEWEST_FOR_CONSENT
        return self._told.status == LGPD or wanted

    def _ask_consent(self) -> int:
        """Ask for consent; return the number of messages. It is given unless it is waited for."""
        told = self._told
        self._say_as_customer(self._texts.greet)
        self._wait(3, 0.3)
        told.consent_asked_at = self._now
        told.bot_questions = 1
        self._say_as_company(words.CONSENT_QUESTION)
        if told.status == LGPD:
            return CONSENT_MESSAGES - 1
        self._wait(40, 1)
        self._say("1", is_from_me=False)
        told.consented_at = self._now + 1
        told.bot_questions = 0
        self._log(PENDING)
        return CONSENT_MESSAGES

    def _choose_queue(self, left: int) -> int:
        """Let the customer choose a queue, or give the only one; return the number of messages."""
        told, queues = self._told, self._company.queues
        told.is_own_demand = not told.drafts and self._is_own_demand()
        if told.is_own_demand:
            return 0
        if len(queues) == 1:
            self._put_into(queues[0])
            return 0
        if left < FEWEST_FOR_MENU or not self._dice.happens(MENU_SHARE):
            return 0
        before = len(told.drafts)
        if not told.drafts:
            self._say_as_customer(self._texts.greet)
        self._wait(3, 0.3)
        told.chatbot_at, told.bot_questions = self._now, told.bot_questions + 1
        self._log("chatBot")
        self._say_as_company("Olá! Escolha uma das opções abaixo.")
        self._wait(25, 1)
        place = int(self._dice.random() ** 2 * len(queues))
        self._say(str(place + 1), is_from_me=False)
        self._put_into(queues[place])
        return len(told.drafts) - before

    def _is_own_demand(self) -> bool:
        return self._told.status in {OPEN, CLOSED} and self._dice.happens(OWN_DEMAND_SHARE)

    def _put_into(self, queue_id: int) -> None:
        told = self._told
        told.queue_id, told.queued_at = queue_id, self._now + 1
        self._log("queue", after=1)

    def _plan_ending(self, left: int) -> int:
        """Return how many messages the ending has: 3 or 1 about a rating, 1 a farewell, or 0."""
        told = self._told
        may_rate = self._company.asks_rating and left >= FEWEST_FOR_RATING
        if told.status == NPS:
            return 1
        if told.status != CLOSED:
            return 0
        if may_rate and self._dice.happens(RATING_SHARE):
            told.rate = self._draw_rate()
            return 1 if told.rate is None else 3
        return int(left >= FEWEST_FOR_FAREWELL and self._dice.happens(FAREWELL_SHARE))

    def _draw_rate(self) -> int | None:
        if not self._dice.happens(ANSWERED_SHARE):
            return None
        return self._dice.choices(RATES, RATE_WEIGHTS)[0]

    def _talk(self, left: int) -> None:
        """Let both sides write in turns, the customer alone if nobody has accepted the ticket."""
        told = self._told
        is_ours = told.is_own_demand
        if is_ours:
            self._accept()
        for _ in range(left):
            if is_ours and told.started_at is None:
                self._accept()
            if is_ours:
                self._say_as_user()
            else:
                self._say_as_customer(self._texts.go_on if told.drafts else self._texts.ask)
            goes_on = self._dice.happens(AGAIN_SHARE) or told.status == PENDING
            is_ours = is_ours if goes_on else not is_ours
            self._wait(12 if goes_on else 75, 0.7 if goes_on else 1.3)
        if told.status != PENDING and told.started_at is None:
            self._accept()

    def _say_more(self, left: int) -> None:
        for _ in range(left):
            self._wait(600, 1.5)
            self._say_as_customer(self._texts.go_on)

    def _accept(self) -> None:
        told = self._told
        if not told.is_own_demand:
            self._now = find_open_time(self._dice, self._now + self._dice.wait(6 * 60, 1.4))
        users = self._company.users
        told.user_id = users[int(self._dice.random() ** 1.5 * len(users))]
        if told.queue_id is None:
            told.queue_id, told.queued_at = self._dice.choice(self._company.queues), self._now
        told.started_at = self._now
        self._log("open", user_id=told.user_id)
        self._wait(20, 0.8)

    def _end(self, ending: int) -> None:
        told = self._told
        if told.status in {OPEN, PENDING}:
            if told.status == OPEN and self._dice.happens(VIEWED_SHARE):
                self._see()
            return
        self._wait(240, 1)
        if self._dice.happens(SEEN_AT_CLOSE_SHARE):
            self._see()
        told.closed_at = self._now
        if told.status == NPS or told.rate is not None or (ending and self._asks_rating(ending)):
            self._ask_rating()
        elif ending:
            self._finish("closed")
            self._say_as_company(self._dice.choice(words.CLOSINGS))
        else:
            self._finish("closed")

    def _asks_rating(self, ending: int) -> bool:
        """Return whether an ending of one message is a question for a rating, not a farewell."""
        return ending == 1 and self._company.asks_rating and self._dice.happens(1 / 3)

    def _ask_rating(self) -> None:
        told = self._told
        self._log("nps", user_id=told.user_id)
        self._say_as_company(words.RATING_QUESTION)
        if told.status == NPS:
            return
        if told.rate is None:
            self._now += RATING_EXPIRES_S
            self._finish("autoClose")
            return
        self._wait(60, 1)
        self._say(str(told.rate), is_from_me=False)
        told.rating_at = self._now + 1
        self._finish("closed", after=1)
        self._wait(3, 0.3)
        self._say_as_company(words.THANKS)

    def _finish(self, log: str, *, after: float = 0) -> None:
        self._told.finished_at = self._now + after
        self._log(log, user_id=self._told.user_id, after=after)

    def _see(self) -> None:
        """Mark what the customer has written as read."""
        drafts = self._told.drafts
        for draft in drafts[self._seen :]:
            draft.is_read = True
        self._seen = len(drafts)

    def _say_as_user(self) -> None:
        self._see()
        self._say(self._texts.answer(), is_from_me=True)

    def _say_as_company(self, text: str) -> None:
        self._say(text, is_from_me=True)

    def _say_as_customer(self, make: Callable[[], str]) -> None:
        if not self._dice.happens(MEDIA_SHARE):
            self._say(make(), is_from_me=False)
            return
        kind, ending = self._dice.choices(MEDIA, MEDIA_WEIGHTS)[0]
        has_caption = kind in WITH_CAPTION and self._dice.happens(CAPTION_SHARE)
        self._say(make() if has_caption else "", is_from_me=False)
        draft = self._told.drafts[-1]
        draft.media_type, draft.file_name = kind, f"{self._dice.hexadecimal(16)}.{ending}"

    def _say(self, body: str, *, is_from_me: bool) -> None:
        drafts = self._told.drafts
        if drafts and drafts[-1].at >= self._now:
            self._now = drafts[-1].at + 1
        is_quoting = bool(drafts) and self._dice.happens(QUOTE_SHARE)
        draft = Draft(self._now, is_from_me, body, self._told.queue_id, is_read=is_from_me)
        draft.quoted = self._dice.choice(drafts) if is_quoting else None
        drafts.append(draft)

    def _wait(self, median_seconds: float, spread: float) -> None:
        """Let time pass; messages have whole seconds, as gateways give them."""
        self._now = float(int(self._now + self._dice.wait(median_seconds, spread) + 1))

    def _log(self, kind: str, *, user_id: int | None = None, after: float = 0) -> None:
        self._told.logs.append(Log(self._now + after, kind, user_id, self._told.queue_id))
