"""Meta's rules for what is sent, which JSON Schema has no words for.

They are checked when a message is asked for. A request that was accepted before a rule was known is
still sent: Meta then answers with an error of its own.
"""

import re

from shared.contracts.message_content import MessageTemplate, TemplateButton

LONGEST_CODE = 20  # characters that a copy-code button copies
MOST_SPACES = 4  # in a row, in a parameter of a template
_UNWANTED = re.compile(rf"[\n\r\t\v\f\x85\u2028\u2029]| {{{MOST_SPACES + 1},}}")

# Emoji's code points, in blocks: a keycap, a flag of two letters, or a picture with its variants.
_PICTURE = (
    r"(?:[\xa9\xae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u25a0-\u27bf\u2900-\u297f"
    r"\u2b00-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001f1e5\U0001f200-\U0001f3fa"
    r"\U0001f400-\U0001faff])"
    r"[\ufe0e\ufe0f]?[\U0001f3fb-\U0001f3ff]?[\U000e0020-\U000e007f]*"
)
_ONE_EMOJI = re.compile(
    rf"[0-9#*]\ufe0f?\u20e3|[\U0001f1e6-\U0001f1ff]{{2}}|{_PICTURE}(?:\u200d{_PICTURE})*"
)


def check_emoji(text: str) -> str:
    """Return a text that is one emoji or empty; raises ValueError for any other."""
    if text and not _ONE_EMOJI.fullmatch(text):
        msg = "one emoji is wanted, or an empty text"
        raise ValueError(msg)
    return text


def check_template(template: MessageTemplate) -> MessageTemplate:
    """Return a template whose parameters Meta takes; raises ValueError that names the first other.

    Texts of the header and the body have no line breaks, no tabs and at most 4 spaces in a row;
    each button has one parameter; a code has at most 20 characters.
    """
    if template.header and template.header.text:
        _check_text("header", template.header.text)
    for number, parameter in enumerate(template.body, 1):
        _check_text(f"body parameter {parameter.name or number}", parameter.text)
    indexes = [button.index for button in template.buttons]
    if len(set(indexes)) < len(indexes):
        msg = "two buttons of a template have the same index"
        raise ValueError(msg)
    for button in template.buttons:
        _check_button(button)
    return template


def _check_text(name: str, text: str) -> None:
    if _UNWANTED.search(text):
        msg = (
            f"Meta refuses line breaks, tabs and more than {MOST_SPACES} spaces in a row "
            f"in a parameter: change the text of the {name}"
        )
        raise ValueError(msg)


def _check_button(button: TemplateButton) -> None:
    if button.kind == "copy-code" and len(button.text) > LONGEST_CODE:
        msg = f"the code of the button {button.index} has at most {LONGEST_CODE} characters"
        raise ValueError(msg)
