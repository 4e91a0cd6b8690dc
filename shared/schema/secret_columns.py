"""Columns of which no reader, no log and no dead letter shows the values."""

from typing import Final

# What opens something, or may: no reader sees it, and so none can read these tables with `*`.
SECRETS: Final[dict[str, tuple[str, ...]]] = {
    "Users": ("passwordHash", "tokenVersion", "resetPasswordToken", "passwordResetToken"),
    "Whatsapps": ("session", "qrcode", "token", "facebookUserToken", "tokenMeta"),
    "QueueIntegrations": ("jsonContent", "urlN8N"),  # Dialogflow's account; a flow's own address
    "Prompts": ("apiKey", "voiceKey"),
    "Integrations": ("token", "userLogin", "passLogin"),
    "Webhooks": ("hash_id", "config"),  # who knows the address starts the flow
    "Tickets": ("hashFlowId", "typebotSessionId"),  # the former is that of "Webhooks"
    "FlowBuilders": ("flow",),  # nodes that ask a language model hold its key
    "Settings": ("value",),  # of `mpaccesstoken`, for one
    "Partners": ("walletId",),
}
