"""Why something does not fit its contract, in words that hold nothing of the body."""

from pydantic import ValidationError


def first_trouble(error: ValidationError) -> str:
    """Name the first member that does not fit, and how; what stands in it is not repeated."""
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]
