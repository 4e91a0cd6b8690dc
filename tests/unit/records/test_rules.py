"""How requests are applied or refused, without a database."""

from itertools import count
from typing import Any

import pytest

from shared.contracts.record_request import DELETES, SAVES, RecordRequest
from shared.records import requested_rows, rules
from shared.records.requested_rows import ExistingRow, KnownRows
from shared.records.rules import Applied, Plan, Refused
from shared.records.tables import get_tables
from tests.support.ticket_harness import SWITCHES

HASH = "$2b$12$" + "a" * 53
USER = {"name": "Ana", "email": "ana@example.com", "passwordHash": HASH}


def save(table: str, *rows: dict[str, Any], company_id: int = 1) -> RecordRequest:
    owner = get_tables()[table].owner if table in get_tables() else "tickets"
    return SAVES[owner](company_id=company_id, request_id="r1", table=table, rows=rows)


def apply(*batch: RecordRequest, known: KnownRows | None = None, room: int | None = None) -> Plan:
    owner = next(o for o, kind in SAVES.items() if batch[0].topic == kind.topic)
    numbers = count(100)
    known = known or KnownRows()
    known.parents |= {("Companies", None, 1), ("Companies", None, 2), ("Plans", None, 3)}
    plan = Plan(owner, known, ids=dict.fromkeys(get_tables(), numbers))
    if room is not None:
        plan.room = {("Users", 1): room}
    to = "save" if isinstance(batch[0], tuple(SAVES.values())) else "delete"
    rules.apply_requests(
        plan, [(request, requested_rows.list_rows([request])) for request in batch], to=to
    )
    return plan


def refuse(*rows: dict[str, Any], table: str = "Queues", **members: Any) -> str:
    (answer,) = apply(save(table, *rows, **members)).results
    assert isinstance(answer, Refused)
    return answer.reason


def know(table: str, key: int, *natural: object, company_id: int | None = 1) -> KnownRows:
    known = KnownRows()
    known.add(get_tables()[table], ExistingRow(company_id, (key,), natural))
    return known


def test_a_new_row_is_inserted_with_an_id_of_its_own() -> None:
    plan = apply(save("Queues", {"name": "Vendas", "color": "#aaa"}))
    (row,) = plan.inserts["Queues"].values()
    assert row == {"id": 100, "companyId": 1, "name": "Vendas", "color": "#aaa"}


def test_a_row_with_an_existing_natural_key_is_updated() -> None:
    plan = apply(
        save("Queues", {"name": "Vendas", "color": "#bbb"}),
        known=know("Queues", 7, 1, "Vendas"),
    )
    assert plan.inserts == {}
    assert plan.updates == {"Queues": {(7,): {"name": "Vendas", "color": "#bbb"}}}


def test_two_requests_for_one_new_row_insert_it_once() -> None:
    plan = apply(
        save("Queues", {"name": "Vendas", "color": "#aaa"}),
        save("Queues", {"name": "Vendas", "color": "#bbb"}),
    )
    (row,) = plan.inserts["Queues"].values()
    first, second = plan.results
    assert isinstance(first, Applied)
    assert isinstance(second, Applied)
    assert (row["color"], list(first.inserted), list(second.updated)) == (
        "#bbb",
        [("Queues", (100,))],
        [("Queues", (100,))],
    )


def test_rows_of_one_request_may_reference_each_other() -> None:
    plan = apply(
        save(
            "Files",
            {"$name": "contrato", "name": "Contrato", "message": "Segue"},
            {
                "$table": "FilesOptions", "fileId": {"$ref": "contrato"},
                "name": "a.pdf", "path": "/a.pdf",
            },
        )
    )  # fmt: skip
    (file,) = plan.inserts["Files"]
    (option,) = plan.inserts["FilesOptions"].values()
    assert (option["fileId"],) == file


def test_one_request_creates_a_company_with_its_first_user_and_settings() -> None:
    plan = apply(
        save(
            "Companies",
            {"$name": "nova", "name": "Nova"},
            {"$table": "Users", "companyId": {"$ref": "nova"}, **USER},
            {"$table": "Settings", "companyId": {"$ref": "nova"}, "key": "cor", "value": "azul"},
            company_id=0,
        )
    )
    assert isinstance(plan.results[0], Applied), plan.results
    ((company,),) = plan.inserts["Companies"]
    rows = [row for name in ("Users", "Settings") for row in plan.inserts[name].values()]
    assert [row["companyId"] for row in rows] == [company, company]


def test_a_name_of_another_row_is_refused_until_that_row_is_renamed() -> None:
    known = know("Queues", 7, 1, "Vendas")
    known.add(get_tables()["Queues"], ExistingRow(1, (8,), (1, "Suporte")))
    taken, other, free = (
        save("Queues", {"id": 8, "name": "Vendas"}),
        save("Queues", {"id": 7, "name": "Comercial"}),
        save("Queues", {"id": 8, "name": "Vendas"}),
    )
    answers = apply(taken, other, free, known=known).results
    assert [type(answer) for answer in answers] == [Refused, Applied, Applied]
    assert isinstance(answers[0], Refused)
    assert answers[0].reason == (
        '"Queues" has another row with this name, 7: choose another name, or change that row'
    )


def test_an_email_of_a_user_of_another_company_is_refused() -> None:
    known = know("Users", 7, "ana@example.com", company_id=2)
    (answer,) = apply(save("Users", USER), known=known).results
    assert isinstance(answer, Refused)
    assert answer.reason == (
        '"Users" has another row with this email, of another company: choose another email'
    )


def test_a_refused_request_writes_nothing() -> None:
    good = {"name": "Vendas", "color": "#aaa"}
    plan = apply(save("Queues", good, {"name": "Suporte"}), save("Queues", good))
    first, second = plan.results
    assert isinstance(first, Refused)
    assert (first.row, isinstance(second, Applied), len(plan.inserts["Queues"])) == (1, True, 1)


NEW = {"name": "x", "color": "y"}
TICKET = {"contactId": 1, "whatsappId": 1}
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("Queues", {"name": 3}, 'name of "Queues": text is wanted'),
    ("Queues", {"nome": "x"}, '"Queues" has no column nome'),
    ("Queues", {"name": "x"}, 'a new row of "Queues" needs color'),
    ("Queues", NEW | {"id": 5}, '"Queues" has no row 5; a new one has no id yet'),
    (
        "Queues",
        NEW | {"integrationId": 8},
        'integrationId: "QueueIntegrations" has no row 8',
    ),
    ("Queues", NEW | {"companyId": 2}, "companyId is not that of the request"),
    (
        "Queues",
        NEW | {"integrationId": {"$ref": "a"}},
        "integrationId points to a row that is not named before it",
    ),
    ("Files", {"name": "x", "message": "y"}, '"Files" is asked about on messages.requests'),
    ("Nada", {"name": "x"}, 'there is no table "Nada"'),
    ("Plans", {"name": "x"}, '"Plans" is the platform\'s: it is asked about as company 0'),
    ("Users", USER | {"super": True}, 'super of "Users" is written by the platform alone'),
    (
        "Tickets",
        TICKET | {"status": "open"},
        'status of "Tickets" changes by ticket.accept, ticket.return or ticket.close',
    ),
]


@pytest.mark.parametrize(("table", "row", "sentence"), REFUSED)
def test_an_invalid_row_is_refused_with_a_reason(
    table: str, row: dict[str, Any], sentence: str
) -> None:
    request = save(table, row)
    if table == "Files":
        request = SAVES["tickets"](company_id=1, request_id="r1", table=table, rows=(row,))
    (answer,) = apply(request).results
    assert isinstance(answer, Refused)
    assert answer.reason == sentence


def test_a_password_that_is_no_hash_is_refused_and_not_in_the_reason() -> None:
    said = refuse(USER | {"passwordHash": "segredo"}, table="Users")
    assert said.startswith('passwordHash of "Users"')
    assert "segredo" not in said


def test_the_platform_saves_its_own_rows_and_rows_of_companies() -> None:
    plan = apply(
        save("Plans", {"name": "Ouro"}, company_id=0),
        save("Users", USER | {"companyId": 2, "super": True}, company_id=0),
    )
    assert [type(answer) for answer in plan.results] == [Applied, Applied]
    (user,) = plan.inserts["Users"].values()
    assert (user["companyId"], user["super"]) == (2, True)


def test_a_companys_plan_limits_its_users() -> None:
    users = [USER | {"email": f"{n}@example.com"} for n in range(3)]
    plan = apply(save("Users", *users[:1]), save("Users", *users[1:]), room=2)
    first, second = plan.results
    assert isinstance(first, Applied)
    assert isinstance(second, Refused)
    assert second.reason == "the company's plan allows 1 more users"


def test_a_companys_plan_limits_requests_of_the_platform_too() -> None:
    users = [USER | {"companyId": 1, "email": f"{n}@example.com"} for n in range(2)]
    of_another = USER | {"companyId": 2, "email": "2@example.com"}
    plan = apply(
        save("Users", *users, company_id=0), save("Users", of_another, company_id=0), room=1
    )
    assert [type(answer) for answer in plan.results] == [Refused, Applied]


def test_only_columns_with_ids_resolve_references() -> None:
    flow = {"name": "Boas-vindas", "flow": {"$ref": "n"}}
    plan = apply(save("FlowBuilders", flow))
    (row,) = plan.inserts["FlowBuilders"].values()
    assert row["flow"] == {"$ref": "n"}


def test_a_column_of_new_rows_only_may_be_repeated_but_not_changed() -> None:
    known = know("Contacts", 7, 1, "5511900000001")
    same = {"number": "5511900000001", "urlPicture": "https://x.example/a.png"}
    assert isinstance(apply(save("Contacts", same), known=known).results[0], Applied)
    (answer,) = apply(save("Contacts", same | {"name": "Bia"}), known=known).results
    assert isinstance(answer, Refused)
    assert answer.reason == 'name of "Contacts" changes by contact.save'


def delete(table: str, *rows: dict[str, Any]) -> RecordRequest:
    kind = DELETES[get_tables()[table].owner]
    return kind(company_id=1, request_id="r1", table=table, rows=rows)


def test_rows_are_deleted_by_natural_key_and_missing_ones_passed_over() -> None:
    known = know("Settings", 7, 1, "cor")
    plan = apply(delete("Settings", {"key": "cor"}, {"key": "som"}), known=known)
    (answer,) = plan.results
    assert isinstance(answer, Applied)
    assert (list(plan.deletes["Settings"]), list(answer.deleted)) == ([(7,)], [("Settings", (7,))])


@pytest.mark.parametrize(
    ("table", "row", "sentence"),
    [
        ("Invoices", {"detail": "x"}, 'a row of "Invoices" is named by id'),
        ("Settings", {"value": "x"}, 'a row of "Settings" is named by id or companyId, key'),
    ],
)
def test_a_deletion_without_a_key_is_refused(
    table: str, row: dict[str, Any], sentence: str
) -> None:
    (answer,) = apply(delete(table, row)).results
    assert isinstance(answer, Refused)
    assert answer.reason == sentence


def test_deleting_a_user_begins_a_purge() -> None:
    plan = apply(delete("Users", {"id": 7}), known=know("Users", 7, "ana@example.com"))
    (answer,) = plan.results
    assert isinstance(answer, Applied)
    assert (list(answer.purged), plan.deletes) == ([(1, 7)], {})


def test_the_purge_of_a_company_has_its_own_id_as_company() -> None:
    known = know("Companies", 7, "Padaria", company_id=None)
    request = DELETES["tickets"](
        company_id=0, request_id="r1", table="Companies", rows=({"id": 7},)
    )
    (answer,) = apply(request, known=known).results
    assert isinstance(answer, Applied)
    assert list(answer.purged) == [(7, 7)]


@pytest.mark.parametrize(("word", "purged"), [({}, []), ({"$history": True}, [(1, 7)])])
def test_deleting_a_contact_sets_it_inactive_and_purges_its_history_on_request(
    word: dict[str, Any], purged: list[tuple[int, int]]
) -> None:
    known = know("Contacts", 7, 1, "5511900000001")
    plan = apply(delete("Contacts", {"id": 7} | word), known=known)
    (answer,) = plan.results
    assert isinstance(answer, Applied)
    assert (plan.updates, list(answer.purged)) == ({"Contacts": {(7,): {"active": False}}}, purged)


def test_purged_rows_need_a_request_of_their_own() -> None:
    row = {"$table": "Settings", "key": "cor"}
    (answer,) = apply(delete("Users", {"id": 7}, row)).results
    assert isinstance(answer, Refused)
    assert (
        answer.reason == 'rows of "Users" are deleted in steps: name them in a request of their own'
    )


@pytest.mark.parametrize("column", ["lid", "jid", "number"])
def test_indexed_text_has_a_length_limit(column: str) -> None:
    longest = {"name": "Ana", column: "😀" * 255}
    (granted,) = apply(save("Contacts", longest)).results
    assert isinstance(granted, Applied)
    assert refuse({"name": "Ana", column: "😀" * 256}, table="Contacts") == (
        f'{column} of "Contacts": at most 255 characters are wanted'
    )


@pytest.mark.parametrize(
    ("table", "column", "value", "wanted"),
    [
        ("CompaniesSettings", "messageRetentionDays", 29, "at least 30"),
        ("CompaniesSettings", "messageRetentionDays", -365, "at least 30"),
        ("CompaniesSettings", "messageRetentionDays", 36_501, "at most 36500"),
        ("CompaniesSettings", "closedTicketRetentionDays", 0, "at least 30"),
        ("CompaniesSettings", "closedTicketRetentionDays", 10**6, "at most 36500"),
        ("Tags", "timeLane", 1e300, "at most 2147483647.0"),
        ("Tags", "timeLane", -1e10, "at least -2147483648.0"),
    ],
)
def test_a_number_out_of_the_range_of_its_column_is_refused(
    table: str, column: str, value: float, wanted: str
) -> None:
    row = {"name": "x"} if table == "Tags" else dict.fromkeys(SWITCHES, "disabled")
    assert refuse(row | {column: value}, table=table) == (
        f'{column} of "{table}": a number of {wanted} is wanted'
    )


@pytest.mark.parametrize("days", [30, 365, 36_500, None])
def test_a_company_keeps_messages_for_days_or_for_ever(days: int | None) -> None:
    row = dict.fromkeys(SWITCHES, "disabled") | {"messageRetentionDays": days}
    plan = apply(save("CompaniesSettings", row))
    (written,) = plan.inserts["CompaniesSettings"].values()
    assert written["messageRetentionDays"] == days


def test_a_lane_may_take_half_a_minute() -> None:
    plan = apply(save("Tags", {"name": "Novos", "kanban": 1, "timeLane": 0.5}))
    (written,) = plan.inserts["Tags"].values()
    assert written["timeLane"] == 0.5


@pytest.mark.parametrize("history", ["yes", 1, [], {}, [True]])
def test_a_history_that_is_neither_true_nor_false_is_refused(history: object) -> None:
    asked = DELETES["contacts"](
        company_id=1,
        request_id="r1",
        table="Contacts",
        rows=({"id": 7, "$history": history},),
    )
    (answer,) = apply(asked, known=know("Contacts", 7, 1, "551")).results
    assert isinstance(answer, Refused)
    assert answer.reason == "$history is true or false"


def test_a_reason_repeats_only_the_beginning_of_a_name() -> None:
    name = "x" * 100_000
    assert refuse({name: 1}) == f'"Queues" has no column {"x" * 100}…'
    assert refuse({"$table": name}) == f'there is no table "{"x" * 100}…"'


@pytest.mark.parametrize("company", [2**31, 2**63, -1, True, "1", 1.0])
def test_a_company_that_cannot_be_an_id_is_not_looked_up(company: object) -> None:
    request = save("Queues", {"companyId": company, "name": "Vendas"}, company_id=0)
    rows = requested_rows.list_rows([request])
    assert requested_rows.collect_parents(rows) == {}
    (answer,) = apply(request).results
    assert isinstance(answer, Refused)


@pytest.mark.parametrize("parent", [2**31, 2**63, -(2**63) - 1, -1])
def test_a_parent_that_cannot_be_an_id_is_not_looked_up(parent: int) -> None:
    request = save("Users", USER | {"whatsappId": parent})
    assert "Whatsapps" not in requested_rows.collect_parents(requested_rows.list_rows([request]))
    (answer,) = apply(request).results
    assert isinstance(answer, Refused)


def test_a_new_row_may_get_its_natural_key_later() -> None:
    nameless, named = {"name": "Ana", "jid": "551@s.whatsapp.net"}, {"id": 100, "channel": "x"}
    plan = apply(save("Contacts", nameless), save("Contacts", named))
    assert [type(answer) for answer in plan.results] == [Applied, Applied]
    assert plan.known.find(get_tables()["Contacts"], 1, {"number": "551"}) is None
