"""What a row has to be, checked by models that are made from the mapped tables."""

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

from shared.contracts.base import Id, Moment, Text, without_nul
from shared.contracts.record_request import Row
from shared.contracts.trouble import quoted
from shared.records.tables import Column, RecordTable

BCRYPT: Final = r"^\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}$"
KINDS: Final[dict[type, Any]] = {
    int: Annotated[int, Field(ge=-(2**31), le=2**31 - 1)],
    str: Text,
    float: Annotated[float, Field(allow_inf_nan=False)],  # JSON has no such numbers
    datetime: Moment,
    object: Any,
    dict: Any,
    Decimal: Decimal,
}


class UnfitRowError(Exception):
    """A row does not fit its table; the sentence says which column, and how."""


def checked(table: RecordTable, row: Row) -> Row:
    """Give the columns that a row names, as JSON; raises UnfitRowError where one does not fit."""
    try:
        model = _model(table.name).model_validate_json(json.dumps(row), strict=True)
    except ValidationError as error:
        raise UnfitRowError(_sentence(table, error)) from error
    return model.model_dump(mode="json", exclude_unset=True)


def _sentence(table: RecordTable, error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    column = quoted(".".join(str(part) for part in first["loc"]))
    if first["type"] == "extra_forbidden":
        return f'"{table.name}" has no column {column}'
    return f'{column} of "{table.name}": {first["msg"]}'


@cache
def _model(name: str) -> type[BaseModel]:
    from shared.records.tables import tables  # noqa: PLC0415

    table = tables()[name]
    fields: dict[str, Any] = {
        column: (_kind(table, table.columns[column]), None) for column in table.writable
    }
    if table.has_id:
        fields["id"] = (Id, None)
    return create_model(name, __config__=ConfigDict(extra="forbid"), **fields)


def _kind(table: RecordTable, column: Column) -> Any:  # noqa: ANN401 - a type, made here
    if (table.name, column.name) == ("Users", "passwordHash"):
        return Annotated[str, Field(pattern=BCRYPT)]
    kind = KINDS.get(column.kind, column.kind)
    if column.longest:
        # Before the text is cleaned, for then the sentence speaks of characters.
        kind = Annotated[str, Field(max_length=column.longest), AfterValidator(without_nul)]
    return kind | None if column.is_nullable else kind
