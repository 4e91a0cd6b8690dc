"""The texts of placeholders: what users see in place of a content that cannot be shown."""

from collections.abc import Mapping

DEFAULT_LANGUAGE = "pt"  # the schema's default is pt-BR

# By media type, and by the first two letters of the company's language.
TEXTS: Mapping[str, Mapping[str, str]] = {
    "unsupported": {
        "pt": (
            "Mensagem que este canal não consegue mostrar. "
            "Veja no celular ou peça que ela seja enviada de outra forma."
        ),
        "en": (
            "Message that this channel cannot show. "
            "See it on the phone, or ask for it to be sent in another form."
        ),
        "es": (
            "Mensaje que este canal no puede mostrar. "
            "Véalo en el teléfono o pida que lo envíen de otra forma."
        ),
    },
    "undecryptable": {
        "pt": (
            "Mensagem que não pôde ser decifrada. Veja no celular ou peça que ela seja reenviada."
        ),
        "en": (
            "Message that could not be decrypted. "
            "See it on the phone, or ask for it to be sent again."
        ),
        "es": "Mensaje que no se pudo descifrar. Véalo en el teléfono o pida que lo reenvíen.",
    },
    "view_once": {
        "pt": "Mensagem de visualização única. Só pode ser aberta no celular.",
        "en": "View-once message. It can only be opened on the phone.",
        "es": "Mensaje de visualización única. Solo se puede abrir en el teléfono.",
    },
}


def build_values() -> str:
    """Return the texts as the rows of an SQL VALUES: media type, language, text."""
    rows = (
        f"('{media_type}', '{language}', '{text}')"
        for media_type, texts in TEXTS.items()
        for language, text in texts.items()
    )
    return ", ".join(rows)
