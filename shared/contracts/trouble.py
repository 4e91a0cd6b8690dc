"""Why something cannot be, in words that hold nothing of the body."""

from pydantic import ValidationError

LONGEST_QUOTED = 100  # characters of a name that a sentence repeats


def first_trouble(error: ValidationError) -> str:
    """Name the first member that does not fit, and how; what stands in it is not repeated."""
    first = error.errors(include_input=False, include_url=False)[0]
    where = quoted(".".join(str(part) for part in first["loc"]))
    return f"{where}: {first['msg']}" if where else first["msg"]


def quoted(name: str) -> str:
    """Return a name as a sentence repeats it: its first 100 characters, without NUL."""
    shown = name[: LONGEST_QUOTED + 1].replace("\x00", "")
    return shown if len(name) <= LONGEST_QUOTED else f"{shown[:LONGEST_QUOTED]}…"


def no_such_line(company_id: int, whatsapp_id: int) -> str:
    """Say that a company has no such row of "Whatsapps", and what to do about the record."""
    return (
        f'company {company_id} has no line {whatsapp_id} in "Whatsapps"; '
        "make it, then replay this record"
    )
