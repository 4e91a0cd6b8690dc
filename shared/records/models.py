"""Pydantic models, made from the mapped tables, that check the rows of requests."""

import json
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
)

from shared.contracts.base import Id, Moment, Text, drop_nul
from shared.contracts.error_texts import describe_error, quote_name
from shared.contracts.record_request import Row
from shared.records.tables import Column, RecordTable, get_tables

BCRYPT: Final = r"^\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}$"
PATTERNS: Final = {BCRYPT: "a bcrypt hash is wanted"}
KINDS: Final[dict[type, Any]] = {
    int: Annotated[int, Field(ge=-(2**31), le=2**31 - 1)],
    str: Text,
    float: Annotated[float, Field(allow_inf_nan=False)],  # JSON has no such numbers
    datetime: Moment,
    object: Any,
    dict: Any,
    Decimal: Decimal,
}


class InvalidRowError(Exception):
    """A row is invalid for its table; the message names the column and the reason."""


def check_row(table: RecordTable, row: Row) -> Row:
    """Return the columns that a row names, as JSON values; raises InvalidRowError."""
    try:
        model = _build_model(table.name).model_validate_json(json.dumps(row), strict=True)
    except ValidationError as error:
        raise InvalidRowError(_describe_error(table, error)) from error
    return model.model_dump(mode="json", exclude_unset=True)


def _describe_error(table: RecordTable, error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    column = quote_name(".".join(str(part) for part in first["loc"]))
    if first["type"] == "extra_forbidden":
        return f'"{table.name}" has no column {column}'
    return f'{column} of "{table.name}": {describe_error(first, PATTERNS)}'


@cache
def _build_model(name: str) -> type[BaseModel]:
    table = get_tables()[name]
    fields: dict[str, Any] = {
        column: (_build_type(table, table.columns[column]), None)
        for column in table.writable_columns
    }
    if table.has_id:
        fields["id"] = (Id, None)
    return create_model(name, __config__=ConfigDict(extra="forbid"), **fields)


def _build_type(table: RecordTable, column: Column) -> Any:  # noqa: ANN401 - an annotation
    if (table.name, column.name) == ("Users", "passwordHash"):
        return Annotated[str, Field(pattern=BCRYPT)]
    kind = KINDS.get(column.kind, column.kind)
    if column.max_length:
        # The length is checked before the text is cleaned: its error then counts characters.
        kind = Annotated[str, Field(max_length=column.max_length), AfterValidator(drop_nul)]
    if column.range:
        kind = Annotated[kind, Field(ge=column.range.least, le=column.range.most)]
    return kind | None if column.is_nullable else kind
