"""The base of all events: a topic, a type, a key and a company."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

BEGINNING, END = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
CLOCKS_DIFFER = timedelta(days=1)
NO_SPACES = r"^[^\x00\s]+$"
LONGEST_NAME = 255  # characters: the width of the schema's varchar columns


def drop_nul(text: str) -> str:
    """Return a text without NUL, which Postgres cannot store."""
    return text.replace("\x00", "")


def _clip(text: str) -> str:
    return drop_nul(text)[:LONGEST_NAME]


def _check_time(moment: datetime) -> datetime:
    if not BEGINNING <= moment < END:
        msg = f"a time from {BEGINNING.year} to {END.year - 1} is wanted"
        raise ValueError(msg)
    return moment


# Limits that JSON Schema has no word for are named with `x-`; they reject nothing.
Text = Annotated[str, AfterValidator(drop_nul)]
Name = Annotated[str, AfterValidator(_clip), Field(json_schema_extra={"x-cut-to": LONGEST_NAME})]
# An identifier: cut to its limit it would identify something else, so a longer one is rejected.
WholeName = Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(drop_nul)]
Token = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, pattern=NO_SPACES)]
Id = Annotated[int, Field(ge=0, le=2**31 - 1)]
Moment = Annotated[
    AwareDatetime,
    AfterValidator(_check_time),
    WithJsonSchema({"type": ["string", "number"], "format": "date-time"}, mode="validation"),
]

CompanyId = Annotated[
    Id,
    Field(description="The company (tenant); 0 is the platform.", examples=[1]),
]
NewRequestId = Annotated[
    Token,
    Field(
        description="Identifies the request in its company for 30 days: a repetition gets the same "
        "answer and changes nothing.",
        examples=["8f0e2c"],
    ),
]

Roles = tuple[str, ...]
GATEWAY, BACK_OFFICE, SCHEDULER = "gateway", "back office", "scheduler"
OUTSIDE = frozenset({GATEWAY, BACK_OFFICE, SCHEDULER})


class Event(BaseModel):
    """The base class of facts and requests; each is about one company.

    Members are camelCase in JSON, like the columns of the tables. Unknown members are ignored, so a
    producer may be newer than its consumer. `writers` and `readers` are services, and the parties
    outside (`OUTSIDE`).
    """

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        populate_by_name=True,
        hide_input_in_errors=True,  # errors are logged, and members contain personal data
        use_attribute_docstrings=True,  # descriptions in the published schemas
    )

    topic: ClassVar[str]
    type: ClassVar[str]
    major: ClassVar[int] = 1
    ours_alone: ClassVar[bool] = False  # only our services write the topic: ce_sequence is trusted
    names_ignored: ClassVar[bool] = False  # the answer or the log names ignored members
    writers: ClassVar[Roles]
    readers: ClassVar[Roles]

    company_id: CompanyId

    @property
    def key(self) -> str:
        """The Kafka key: events with the same key are in one partition, in order."""
        raise NotImplementedError

    def limit_timestamp(self, moment: datetime) -> Self:
        """Return the event with future times replaced by the record's; by default unchanged."""
        _ = moment
        return self

    @classmethod
    def ce_type(cls) -> str:
        """Return the CloudEvents type, for example `chatia.message.received.v1`."""
        return f"chatia.{cls.type}.v{cls.major}"


class Request(Event):
    """A request to a service, which is applied once.

    A repetition with the same `request_id` within 30 days gets the same answer and changes nothing.
    """

    names_ignored: ClassVar[bool] = True
    writers: ClassVar[Roles] = (BACK_OFFICE,)

    request_id: NewRequestId

    @property
    def asked_by(self) -> str | None:
        """Who asked: an actor's name, or `user 5`; None if the request does not say."""
        return None


def name_user(user_id: int | None) -> str | None:
    """Return how a user is named among actors; None without a user."""
    return None if user_id is None else f"user {user_id}"


def build_conversation_key(company_id: int, whatsapp_id: int, chat: str) -> str:
    """Return the key of all events of one chat on one line: `companyId:whatsappId:chat`."""
    return f"{company_id}:{whatsapp_id}:{chat}"
