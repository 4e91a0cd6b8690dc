"""Which rows of a CSV file can be registered as lines, and what that changes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from shared.cli.errors import InvalidUsageError
from shared.cli.line_csv import LineRow, Problem, describe_problems, parse_lines
from shared.cli.line_rules import Plan, Stored, StoredConnection, StoredLine, plan_registration
from shared.gateways.registry import GATEWAYS

HEADER = "company,line,name,gateway,server,instance,aliases,portfolio,interval_ms\n"
EVO = "https://evo.example.com"
TAKEN = (
    "centro of evolution at https://evo.example.com is connected to line 10 of company 1: "
    "name another one, or give that line another one first"
)


def read(*rows: str, header: str = HEADER) -> tuple[list[LineRow], list[Problem]]:
    return parse_lines((header + "\n".join(rows) + "\n").encode())


def row(number: int = 2, **members: Any) -> LineRow:
    first = LineRow(number, 1, None, "Centro", "evolution", EVO, "centro", (), None, None)
    return replace(first, **members)


def connection(id_: int = 7, line: int = 10, **members: Any) -> StoredConnection:
    return replace(StoredConnection(id_, "evolution", EVO, "centro", None, 1, line), **members)


def plan(
    *rows: LineRow,
    lines: Sequence[StoredLine] = (),
    connections: Sequence[StoredConnection] = (),
    room: int | None = None,
) -> Plan:
    return plan_registration(rows, Stored({1: room, 2: room}, lines, connections))


LINE = StoredLine(1, 10, "Centro", is_leaving=False)


def test_a_row_with_all_columns_is_read() -> None:
    (found,), problems = read(
        "1,10, Loja Centro ,evolution,https://evo.example.com/,c,old | c2,p,500"
    )
    assert problems == []
    assert found == LineRow(2, 1, 10, "Loja Centro", "evolution", EVO, "c", ("old", "c2"), "p", 500)


def test_optional_columns_may_be_absent_and_excels_file_is_read() -> None:
    data = '\ufeffCompany;Name;Gateway\r\n1;"Loja; Norte";waha\r\n\r\n;;\r\n'.encode()
    (found,), problems = parse_lines(data)
    assert problems == []
    assert (found.name, found.gateway, found.instance) == ("Loja; Norte", "waha", "")


@pytest.mark.parametrize(
    ("cells", "column", "text"),
    [
        ("x,,A,waha,,,,,", "company", "a number from 1 to 2,147,483,647 is wanted"),
        ("0,,A,waha,,,,,", "company", "a number from 1 to 2,147,483,647 is wanted"),
        (",,A,waha,,,,,", "company", "it is empty"),
        ("1,2147483647,A,waha,,,,,", "line", "a number from 1 to 1,000,000,000 is wanted"),
        ("1,,,waha,,,,,", "name", "it is empty"),
        (f"1,,{'a' * 256},waha,,,,,", "name", "it has 256 characters, at most 255 fit"),
        ("1,,A\x07,waha,,,,,", "name", "it has characters that cannot be printed"),
        (
            "1,,A,telegram,,,,,",
            "gateway",
            f"telegram is not known; there are {', '.join(GATEWAYS)}",
        ),
        (
            "1,,A,waha,evo.example.com,x,,,",
            "server",
            "an address such as https://evo.example.com is wanted",
        ),
        (
            "1,,A,waha,http://[x,x,,,",
            "server",
            "an address such as https://evo.example.com is wanted",
        ),
        (
            f"1,,A,waha,{EVO},,,,",
            "instance",
            "it is needed, because there is a server",
        ),
        ("1,,A,waha,,,,p,", "instance", "it is needed, because there is a portfolio"),
        ("1,,A,waha,,x,,,0", "interval_ms", "a number from 1 to 2,147,483,647 is wanted"),
        ("1,,A,waha", "", "it has another number of cells than the first line"),
    ],
)
def test_a_bad_cell_is_named_by_its_line_and_column(cells: str, column: str, text: str) -> None:
    rows, problems = read("1,,B,waha,,,,,", cells)
    assert [row.name for row in rows if not row.unread] == ["B"]
    assert problems == [Problem(3, column, text)]
    assert [row.unread for row in rows[1:]] == ([{column}] if column else [])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "company is missing."),
        ("company,name\n1,A\n", "gateway is missing."),
        ("company,name,gateway,phone\n", "phone is not known."),
        ("company,name,gateway,\n", "a column without a name is not known."),
        ("company,name,gateway,name\n", "each once."),
        ("company,name,gateway\n", "There are no lines in the file."),
        ('company,name,gateway\n1,"A,waha\n', "Line 2 cannot be read: unexpected end of data."),
    ],
)
def test_a_file_of_another_form_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(InvalidUsageError) as raised:
        parse_lines(text.encode())
    assert str(raised.value).endswith(complaint)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(InvalidUsageError, match="not UTF-8"):
        parse_lines(b"company,name,gateway\n1,\xff,waha\n")


def test_all_problems_are_listed_in_the_order_of_the_file_but_not_too_many() -> None:
    text = describe_problems([Problem(n, "name", "it is empty") for n in range(30, 1, -1)])
    lines = text.splitlines()
    assert lines[0] == "Line 2, column name: it is empty."
    assert lines[20:] == [
        "… and 9 more.",
        "Nothing is registered; correct the file and run it again.",
    ]
    assert describe_problems([Problem(2, "", "x")]).startswith("Line 2, the whole row: x.")


def test_a_new_line_gets_its_connection_and_its_aliases() -> None:
    planned = plan(row(aliases=("old",), portfolio="p"))
    assert planned.problems == []
    assert [found.name for found in planned.new] == ["Centro"]
    keys = [(c.id, c.instance, c.portfolio) for _, c in planned.connections]
    assert keys == [(0, "centro", "p"), (0, "old", "p")]


@pytest.mark.parametrize("number", [None, 10])
def test_a_line_that_is_registered_changes_nothing(number: int | None) -> None:
    planned = plan(row(whatsapp_id=number), lines=[LINE], connections=[connection()])
    assert (planned.problems, planned.new, planned.connections) == ([], [], [])
    assert [found.whatsapp_id for found in planned.rows] == [10]


def test_another_instance_changes_the_first_connection_whose_name_may_be_an_alias() -> None:
    stored = [connection(), connection(9, instance="second")]
    planned = plan(row(instance="novo", aliases=("centro",)), lines=[LINE], connections=stored)
    assert planned.problems == []
    assert [(c.id, c.instance) for _, c in planned.connections] == [(7, "novo"), (0, "centro")]


def test_a_portfolio_is_kept_unless_the_row_names_another_one() -> None:
    stored = [connection(portfolio="p")]
    assert plan(row(), lines=[LINE], connections=stored).connections == []
    ((_, changed),) = plan(row(portfolio="q"), lines=[LINE], connections=stored).connections
    assert (changed.id, changed.portfolio) == (7, "q")


def test_a_gateway_without_an_instance_needs_no_connection() -> None:
    planned = plan(row(instance="", server=""))
    assert (len(planned.new), planned.connections, planned.problems) == (1, [], [])


@pytest.mark.parametrize(
    ("given", "column", "text"),
    [
        (row(company_id=3, instance="x"), "company", "there is no company 3"),
        (row(company_id=2, whatsapp_id=10), "line", "line 10 is of another company"),
        (
            row(whatsapp_id=10, name="Norte"),
            "name",
            "line 10 is called Centro: rename it with `chatia record save`",
        ),
        (
            row(whatsapp_id=12, instance="x"),
            "name",
            "line 10 of the company has this name: choose another one",
        ),
        (
            row(name="Norte", aliases=("centro",), instance="norte"),
            "aliases",
            TAKEN,
        ),
        (row(name="Sul"), "instance", TAKEN),
    ],
)
def test_a_row_that_meets_another_line_is_refused(given: LineRow, column: str, text: str) -> None:
    planned = plan(given, lines=[LINE], connections=[connection()])
    assert planned.problems == [Problem(2, column, text)]


EAST = StoredLine(1, 11, "Leste", is_leaving=False)
OTHERS_NAME = "line 11 of the company has this name: choose another one"


def check(*rows: str) -> list[tuple[int, str, str]]:
    """Return all problems of a file, of which line 10 of company 1 has the name and instance."""
    parsed, unread = read(*rows)
    planned = plan(*parsed, lines=[LINE, EAST], connections=[connection()], room=1)
    return [(p.number, p.column, p.text) for p in [*unread, *planned.problems]]


def test_the_name_and_the_instance_of_another_line_are_both_named() -> None:
    stored = [connection(), connection(8, line=11, instance="leste")]
    given = row(whatsapp_id=10, name="Leste", instance="leste")
    planned = plan(given, lines=[LINE, EAST], connections=stored)
    taken = TAKEN.replace("centro", "leste").replace("line 10", "line 11")
    assert planned.problems == [
        Problem(2, "name", OTHERS_NAME),
        Problem(2, "instance", taken),
    ]


def test_an_unknown_company_and_a_taken_instance_are_both_named() -> None:
    planned = plan(row(company_id=3), lines=[LINE], connections=[connection()])
    assert planned.problems == [
        Problem(2, "company", "there is no company 3"),
        Problem(2, "instance", TAKEN),
    ]


def test_a_bad_cell_hides_no_problem_of_the_others() -> None:
    rate = "a number from 1 to 2,147,483,647 is wanted"
    assert check(
        f"3,,Sul,evolution,{EVO},sul,,,x",
        f"1,,Oeste,evolution,{EVO},centro,,,0",
        f"1,10,Leste,evolution,{EVO},outra,,,-1",
        f"2,11,,evolution,{EVO},leste,,,",
        "1,,Nova,telegram,,,,,",
    ) == [
        (2, "interval_ms", rate),
        (3, "interval_ms", rate),
        (4, "interval_ms", rate),
        (5, "name", "it is empty"),
        (6, "gateway", f"telegram is not known; there are {', '.join(GATEWAYS)}"),
        (2, "company", "there is no company 3"),
        (3, "instance", TAKEN),
        (4, "name", OTHERS_NAME),
        (5, "line", "line 11 is of another company"),
        (6, "company", "the company's plan allows 1 more lines: change its plan first"),
    ]


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        (f"x,,Centro,evolution,{EVO},centro,,,", "company"),
        (f"x,10,Centro,evolution,{EVO},centro,,,", "company"),
        (f"1,x,Centro,evolution,{EVO},centro,,,", "line"),
        (f"1,,,evolution,{EVO},centro,,,", "name"),
        ("1,,Centro,evolution,evo,centro,,,", "server"),
        (f"1,,Centro,evo,{EVO},centro,,,", "gateway"),
    ],
)
def test_a_bad_cell_makes_no_other_cell_of_a_registered_line_bad(cells: str, column: str) -> None:
    assert [found for _, found, _ in check(cells)] == [column]


def test_rows_with_bad_cells_are_not_said_to_repeat_each_other() -> None:
    problems = check("x,,Nova,waha,,,,,", "y,,Nova,waha,,,,,", "1,,,waha,,,,,", "1,,,waha,,,,,")
    assert [column for _, column, _ in problems] == ["company", "company", "name", "name"]


def test_problems_are_listed_by_line_then_by_column() -> None:
    found = [Problem(3, "name", "c"), Problem(2, "instance", "b"), Problem(2, "company", "a")]
    lines = describe_problems(found).splitlines()
    assert [line[-2] for line in lines[:3]] == ["a", "b", "c"]


def list_changes(planned: Plan) -> list[tuple[str, str, str]]:
    return [(change.column, change.old, change.new) for change in planned.changes]


def test_what_a_row_changes_is_said_by_column() -> None:
    given = row(
        gateway="waha", server="", instance="novo", aliases=("a",), portfolio="p", interval_ms=500
    )
    line = replace(LINE, interval_ms=100)
    planned = plan(given, lines=[line], connections=[connection()])
    assert list_changes(planned) == [
        ("gateway", "evolution", "waha"),
        ("server", EVO, ""),
        ("instance", "centro", "novo"),
        ("portfolio", "", "p"),
        ("aliases", "", "a"),
        ("interval_ms", "100", "500"),
    ]


def test_a_first_connection_changes_what_was_none() -> None:
    planned = plan(row(interval_ms=500), lines=[LINE])
    assert list_changes(planned) == [
        ("gateway", "", "evolution"),
        ("server", "", EVO),
        ("instance", "", "centro"),
        ("interval_ms", "", "500"),
    ]


def test_a_new_line_and_a_repetition_have_no_changes() -> None:
    given = row(interval_ms=500)
    assert plan(given).changes == []
    line = replace(LINE, interval_ms=500)
    assert plan(given, lines=[line], connections=[connection()]).changes == []


@pytest.mark.parametrize(
    ("given", "others", "is_silenced"),
    [
        (row(server=""), [], True),
        (row(server="", gateway="waha"), [], True),
        (row(server="", gateway="baileys"), [], False),  # it sends by itself
        (row(server="http://new"), [], False),
        (row(), [], False),
        (row(server=""), [connection(8, instance="second")], False),
    ],
)
def test_a_line_that_loses_its_only_server_is_found(
    given: LineRow,
    others: list[StoredConnection],
    is_silenced: bool,
) -> None:
    planned = plan(given, lines=[LINE], connections=[connection(), *others])
    assert [each.whatsapp_id for each in planned.silenced] == ([10] if is_silenced else [])


def test_a_line_that_never_had_a_server_loses_none() -> None:
    stored = [connection(server="")]
    assert plan(row(server="", instance="x"), lines=[LINE], connections=stored).silenced == []


def test_a_line_that_is_being_deleted_is_refused() -> None:
    planned = plan(row(), lines=[replace(LINE, is_leaving=True)])
    assert planned.problems == [Problem(2, "line", "line 10 is being deleted")]


@pytest.mark.parametrize(
    ("second", "column"),
    [
        (row(3, instance="norte"), "name"),
        (row(3, name="Norte", whatsapp_id=10, instance="norte"), "line"),
        (row(3, name="Norte"), "instance"),
        (row(3, name="Norte", instance="norte", aliases=("centro",)), "aliases"),
    ],
)
def test_a_row_that_repeats_an_earlier_one_is_refused(second: LineRow, column: str) -> None:
    planned = plan(row(whatsapp_id=10), second)
    assert planned.problems == [Problem(3, column, "line 2 of the file has the same")]


def test_the_same_name_in_another_company_is_no_repetition() -> None:
    assert plan(row(), row(3, company_id=2, instance="x")).problems == []


def test_lines_beyond_the_companys_plan_are_refused() -> None:
    rows = [row(n, name=f"L{n}", instance=f"l{n}") for n in (2, 3, 4)]
    planned = plan(*rows, room=2)
    text = "the company's plan allows 2 more lines: change its plan first"
    assert planned.problems == [Problem(4, "company", text)]
    assert plan(*rows, room=3).problems == []
