"""Error messages about records; they never quote values of a body."""

from pydantic import ValidationError

LONGEST_QUOTED = 100  # characters of a name in an error message


def describe_first_error(error: ValidationError) -> str:
    """Return the first invalid member and what is wrong, without its value."""
    first = error.errors(include_input=False, include_url=False)[0]
    where = quote_name(".".join(str(part) for part in first["loc"]))
    return f"{where}: {first['msg']}" if where else first["msg"]


def quote_name(name: str) -> str:
    """Return a name for an error message: its first 100 characters, without NUL."""
    beginning = name[: LONGEST_QUOTED + 1].replace("\x00", "")
    return beginning if len(name) <= LONGEST_QUOTED else f"{beginning[:LONGEST_QUOTED]}…"


def describe_missing_line(company_id: int, whatsapp_id: int) -> str:
    """Return the error for a line that the company does not have, and how to fix it."""
    return (
        f'company {company_id} has no line {whatsapp_id} in "Whatsapps"; '
        "make it, then replay this record"
    )
