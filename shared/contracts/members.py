"""Types of members that several events have, with their descriptions in the published schemas."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from shared.contracts.base import Id, Name, Text, Token
from shared.contracts.names import read_name

LONGEST_TEXT = 65_536  # characters, the limit of WhatsApp for one message

WhatsappId = Annotated[Id, Field(description='The line, `"Whatsapps".id`.', examples=[10])]
TicketId = Annotated[Id, Field(description='The ticket, `"Tickets".id`.', examples=[1001])]
ContactId = Annotated[Id, Field(description='The contact, `"Contacts".id`.', examples=[101])]
UserId = Annotated[Id, Field(description='The user, `"Users".id`.', examples=[5])]
QueueId = Annotated[Id, Field(description='The queue, `"Queues".id`.', examples=[7])]
LaneId = Annotated[
    Id, Field(description='The lane of the kanban board, `"Tags".id`.', examples=[21])
]
CampaignId = Annotated[Id, Field(description='The campaign, `"Campaigns".id`.', examples=[3])]
MessageId = Annotated[Id, Field(description='The row of the message, `"Messages".id`.')]
Wid = Annotated[
    Token,
    Field(
        description="WhatsApp's message id, without chat or device; unique on a line.",
        examples=["3EB0A1B2C3D4E5F60718"],
    ),
]
QuotedWid = Annotated[Token, Field(description="`wid` of the quoted message.")]
SendId = Annotated[
    Token, Field(description="Identifies the send: a message is sent once per `sendId`.")
]
Jid = Annotated[
    Token,
    Field(
        description="WhatsApp's address of the chat, as the gateway sent it; replies go there.",
        examples=["5511900000001@s.whatsapp.net"],
    ),
]
Number = Annotated[
    Token,
    Field(
        description="Telephone number with country code, digits only.", examples=["5511900000001"]
    ),
]
Lid = Annotated[
    Token,
    Field(description="WhatsApp's address without the number.", examples=["91234567890123@lid"]),
]
NewNumber = Annotated[
    Token, Field(description="The number that the person has now.", examples=["5511900000002"])
]
Bsuid = Annotated[
    Token,
    Field(
        description="Meta's id of a user within a business portfolio.",
        examples=["BR.13491208655302741918"],
    ),
]
Portfolio = Annotated[
    Token,
    Field(
        description="The business portfolio in which the BSUIDs are valid, unless the line's "
        'row in `"GatewayConnections"` names another one.',
        examples=["102290129340398"],
    ),
]
PushName = Annotated[
    Name | None,
    BeforeValidator(read_name),
    Field(description="The name that the person chose in WhatsApp.", examples=["Maria"]),
]
MediaUrl = Annotated[Text, Field(description="Where the file can be fetched.")]
FileName = Annotated[
    Name, Field(description="The name of the file, with its ending.", examples=["nf-4711.pdf"])
]
MimeType = Annotated[
    Name, Field(description="The MIME type of the file.", examples=["application/pdf"])
]
ChoiceId = Annotated[
    Name,
    Field(
        description="The id of the button or of the row of a list that was chosen, as `buttons` "
        "and `list` of message.compose name it; `body` is its title.",
        examples=["sim"],
    ),
]
TimestampEstimated = Annotated[
    bool,
    Field(
        description="True if `timestamp` is the time of the record, because the gateway gave none, "
        "or one in the future."
    ),
]
IsGroup = Annotated[bool, Field(description="Whether the chat is a group.")]
FromMe = Annotated[bool, Field(description="True for our own messages, sent from any device.")]
Ack = Annotated[
    int,
    Field(
        description="-1 failed, 0 pending, 1 on the server, 2 delivered, 3 read, 4 played.",
        examples=[3],
    ),
]
TicketEffect = Annotated[
    Name,
    Field(description="What routing did with the ticket: `none`, `opened` or `reopened`."),
]
RowVersion = Annotated[
    int,
    Field(
        description="`updatedAt` of the row in µs since 1970; of two facts about it, the higher "
        "one is newer.",
        examples=[1787228103000000],
    ),
]
RequestId = Annotated[
    Token, Field(description="`requestId` of the request that this answers, if there was one.")
]
Ignored = Annotated[
    tuple[Name, ...],
    Field(
        description="Names of the request's members that its contract does not have, at most 20: "
        "they had no effect.",
        examples=[["mediaUrl"]],
    ),
]
Actor = Annotated[
    Name, Field(description="The author of the request; the back office chooses the name.")
]
ErrorCode = Annotated[Name, Field(description="The provider's code of the error.")]
ErrorText = Annotated[Name, Field(description="The provider's text of the error.")]
Reason = Annotated[Name, Field(description="A sentence for the author of the request.")]
