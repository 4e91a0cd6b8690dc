"""Secret columns: not granted to readers, blanked in logs and dead letters."""

from typing import Final

# Credentials, or columns that may hold one. A reader cannot select `*` from these tables.
SECRETS: Final[dict[str, tuple[str, ...]]] = {
    "Users": ("passwordHash", "tokenVersion", "resetPasswordToken", "passwordResetToken"),
    "Whatsapps": ("session", "qrcode", "token", "facebookUserToken", "tokenMeta"),
    "QueueIntegrations": (
        "jsonContent",
        "urlN8N",
    ),  # Dialogflow's credentials; a flow's URL
    "Prompts": ("apiKey", "voiceKey"),
    "Integrations": ("token", "userLogin", "passLogin"),
    "Webhooks": ("hash_id", "config"),  # whoever knows the address can start the flow
    "Tickets": ("hashFlowId", "typebotSessionId"),  # hashFlowId is the one of "Webhooks"
    "FlowBuilders": ("flow",),  # nodes of language models contain the API key
    "CompaniesSettings": ("translateApiKey",),
    "Settings": ("value",),  # such as that of `mpaccesstoken`
    "Partners": ("walletId",),
}
