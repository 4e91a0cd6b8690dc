"""What a message to send may hold besides a text and media, with WhatsApp's limits."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, model_validator

from shared.contracts.base import Event, Text, Token, drop_nul

MOST_BUTTONS, MOST_SECTIONS, MOST_ROWS = 3, 10, 10
LONGEST_BUTTONS_BODY, LONGEST_LIST_BODY = 1_024, 4_096  # characters of the message's text
EMOJI, TEMPLATE_NAME, LANGUAGE = r"^[^\s]*$", r"^[a-z0-9_]+$", r"^[a-zA-Z_]+$"
WEB_ADDRESS = r"^https?://[^\s]+$"
Link = Annotated[Text, Field(max_length=2_048, pattern=WEB_ADDRESS)]


def check_visible(text: str) -> str:
    """Return a text without NUL; raises ValueError if a person would see nothing."""
    text = drop_nul(text)
    if not text.strip():
        msg = "a text that can be seen is wanted"
        raise ValueError(msg)
    return text


# The length is checked first, so that an error counts characters.
Label = Annotated[str, Field(min_length=1, max_length=20), AfterValidator(check_visible)]
Title = Annotated[str, Field(min_length=1, max_length=24), AfterValidator(check_visible)]
Description = Annotated[str, Field(min_length=1, max_length=72), AfterValidator(drop_nul)]
Value = Annotated[str, Field(min_length=1, max_length=1_024), AfterValidator(drop_nul)]
Emoji = Annotated[Text, Field(max_length=32, pattern=EMOJI)]


class ChangeKind(StrEnum):
    """What a send does to a message that exists already."""

    REACT = "react"
    EDIT = "edit"
    DELETE = "delete"
    MARK_READ = "markRead"


class Part(BaseModel):
    """The base of the parts of a message: camelCase in JSON; unknown members are ignored."""

    model_config = Event.model_config


class ReplyButton(Part):
    """A button that answers with its `id`; its title has at most 20 characters."""

    id: Annotated[Token, Field(max_length=255)]
    """What the answer names."""
    title: Label
    """Its text."""


class ListRow(Part):
    """A row of a list that answers with its `id`: title of 24, description of 72 characters."""

    id: Annotated[Token, Field(max_length=200)]
    """What the answer names."""
    title: Title
    """Its text."""
    description: Description | None = None
    """A second line."""


class ListSection(Part):
    """A section of a list; its title has at most 24 characters."""

    title: Title
    """Its heading."""
    rows: Annotated[tuple[ListRow, ...], Field(min_length=1, max_length=MOST_ROWS, fail_fast=True)]
    """Its rows."""


class OptionList(Part):
    """A list that opens by a button of 20 characters: at most 10 rows in all its sections."""

    button: Label
    """The text of the button that opens it."""
    sections: Annotated[
        tuple[ListSection, ...], Field(min_length=1, max_length=MOST_SECTIONS, fail_fast=True)
    ]
    """Its sections."""

    @property
    def rows(self) -> tuple[ListRow, ...]:
        """The rows of all sections, in order."""
        return tuple(row for section in self.sections for row in section.rows)

    @model_validator(mode="after")
    def _limit_rows(self) -> Self:
        if len(self.rows) > MOST_ROWS:
            msg = f"a list has at most {MOST_ROWS} rows in all its sections"
            raise ValueError(msg)
        if len({row.id for row in self.rows}) < len(self.rows):
            msg = "two rows of a list have the same id"
            raise ValueError(msg)
        return self


Buttons = Annotated[
    tuple[ReplyButton, ...], Field(min_length=1, max_length=MOST_BUTTONS, fail_fast=True)
]


class TemplateParameter(Part):
    """The text for a placeholder of a template: for `{{1}}`, `{{2}}` in order, or by `name`."""

    text: Value
    """What is shown for the placeholder."""
    name: Annotated[Token, Field(max_length=64)] | None = None
    """The name of the placeholder, if it has one instead of a number."""


class TemplateHeader(Part):
    """The header of a template: the text of its placeholder, or a link to media of `mediaType`."""

    text: Value | None = None
    """What is shown for the placeholder of the header."""
    media_url: Link | None = None
    """Where the gateway can fetch the file."""
    media_type: Literal["image", "video", "document"] = "image"
    """The kind of the file."""

    @model_validator(mode="after")
    def _require_one(self) -> Self:
        if (self.text is None) == (self.media_url is None):
            msg = "a template's header has either a text or a mediaUrl"
            raise ValueError(msg)
        return self


class TemplateButton(Part):
    """The parameter of the template's button number `index` (from 0).

    `text` is the end of a `url`, what a `quick-reply` answers, or the code that `copy-code` copies.
    """

    index: Annotated[int, Field(ge=0, le=9)]
    """The position of the button, from 0."""
    kind: Literal["url", "quick-reply", "copy-code"]
    """What the button does."""
    text: Value
    """Its parameter."""


class MessageTemplate(Part):
    """A message template that Meta approved (HSM), with the parameters of its components."""

    name: Annotated[Token, Field(pattern=TEMPLATE_NAME)]
    """Its name at Meta."""
    language: Annotated[Token, Field(max_length=16, pattern=LANGUAGE)]
    """Its language, as Meta spells it: `pt_BR`."""
    header: TemplateHeader | None = None
    """The parameter of its header."""
    body: Annotated[tuple[TemplateParameter, ...], Field(max_length=50, fail_fast=True)] = ()
    """A parameter for each placeholder of its body."""
    buttons: Annotated[tuple[TemplateButton, ...], Field(max_length=10, fail_fast=True)] = ()
    """The parameters of its buttons."""

    @model_validator(mode="after")
    def _require_one_kind_of_names(self) -> Self:
        names = [parameter.name for parameter in self.body if parameter.name]
        if names and len(names) < len(self.body):
            msg = "either all parameters of a template's body have a name, or none"
            raise ValueError(msg)
        if len(set(names)) < len(names):
            msg = "two parameters of a template's body have the same name"
            raise ValueError(msg)
        return self


class SendChange(Part):
    """A change of the message `wid`; `fromMe` and, in a group, `participant` say who wrote it.

    An empty `emoji` removes our reaction. The new text of an edit is the `body` of the send.
    """

    kind: ChangeKind
    """`react`, `edit`, `delete` (for everyone) or `markRead`."""
    wid: Token
    """WhatsApp's id of the message to change."""
    from_me: bool
    """Whether it is ours."""
    participant: Token | None = None
    """Its author in a group, as the gateway reported it; absent if we sent it."""
    emoji: Emoji = ""
    """The reaction; empty: ours is removed."""


def check_content(
    body: str,
    media_url: str | None,
    template: MessageTemplate | None,
    buttons: tuple[ReplyButton, ...] | None,
    option_list: OptionList | None,
) -> None:
    """Check that a message has one kind of content; raises ValueError with a sentence."""
    special = [part for part in (template, buttons, option_list) if part]
    if len(special) > 1 or (special and media_url):
        msg = "a message has one of mediaUrl, template, buttons and list"
        raise ValueError(msg)
    if template and body:
        msg = "the text of a template message is that of the template: leave out the body"
        raise ValueError(msg)
    if not template and not body.strip() and (special or not media_url):
        msg = "a message needs a body, a mediaUrl or a template"
        raise ValueError(msg)
    if option_list and len(body) > LONGEST_LIST_BODY:
        msg = f"the body of a message with a list has at most {LONGEST_LIST_BODY} characters"
        raise ValueError(msg)
    if buttons:
        _check_buttons(body, buttons)


def _check_buttons(body: str, buttons: tuple[ReplyButton, ...]) -> None:
    if len(body) > LONGEST_BUTTONS_BODY:
        msg = f"the body of a message with buttons has at most {LONGEST_BUTTONS_BODY} characters"
        raise ValueError(msg)
    if len({button.id for button in buttons}) < len(buttons):
        msg = "two buttons of a message have the same id"
        raise ValueError(msg)
    if len({button.title for button in buttons}) < len(buttons):
        msg = "two buttons of a message have the same title"
        raise ValueError(msg)
