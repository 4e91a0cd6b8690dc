"""What every event of ChatIA Flow has: a topic, a type, a key and a company."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

BEGINNING, END = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
CLOCKS_DIFFER = timedelta(days=1)
LONGEST_NAME = 255  # characters: the width of the schema's varchar columns


def without_nul(text: str) -> str:
    """Return a text as Postgres takes it, which has no character NUL."""
    return text.replace("\x00", "")


def _clipped(text: str) -> str:
    return without_nul(text)[:LONGEST_NAME]


def _within_our_time(moment: datetime) -> datetime:
    if not BEGINNING <= moment < END:
        msg = f"a time from {BEGINNING.year} to {END.year - 1} is wanted"
        raise ValueError(msg)
    return moment


Text = Annotated[str, AfterValidator(without_nul)]
Name = Annotated[str, AfterValidator(_clipped)]
# A name that means somebody else when it is clipped, so it is refused.
WholeName = Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(without_nul)]
Token = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, pattern=r"^[^\x00\s]+$")]
Id = Annotated[int, Field(ge=0, le=2**31 - 1)]
Moment = Annotated[AwareDatetime, AfterValidator(_within_our_time)]


class Event(BaseModel):
    """One thing that happened or is asked for, about one company.

    Members are camelCase in JSON, as the tables' columns are. Unknown members are ignored, so a
    producer may be newer than its reader (design 4).
    """

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        populate_by_name=True,
        hide_input_in_errors=True,  # errors are logged, and members are people's words
    )

    topic: ClassVar[str]
    type: ClassVar[str]
    major: ClassVar[int] = 1
    ours_alone: ClassVar[bool] = False  # only our services write the topic: sequences count there

    company_id: Id

    @property
    def key(self) -> str:
        """The Kafka key: events with the same key stay in order."""
        raise NotImplementedError

    def heard_at(self, moment: datetime) -> Self:
        """Give the event as it is known that it was heard then, from somebody outside."""
        _ = moment
        return self

    @classmethod
    def ce_type(cls) -> str:
        """Name the CloudEvents type, for example `chatia.message.received.v1`."""
        return f"chatia.{cls.type}.v{cls.major}"


class Request(Event):
    """Something that is asked of a service from outside, to be done once.

    A repetition with the same `request_id` within 30 days gets the same answer and changes
    nothing (design 3).
    """

    request_id: Token


def conversation_key(company_id: int, whatsapp_id: int, chat: str) -> str:
    """All events of one chat on one line share this key: `companyId:whatsappId:chat`."""
    return f"{company_id}:{whatsapp_id}:{chat}"
