"""What becomes of requests about rows, before any database is asked."""

from itertools import count
from typing import Any

import pytest

from shared.contracts.record_request import DELETES, SAVES, RecordRequest
from shared.records import asking, deciding
from shared.records.asking import Found, Known
from shared.records.deciding import Granted, Plan, Refused
from shared.records.tables import tables

HASH = "$2b$12$" + "a" * 53
USER = {"name": "Ana", "email": "ana@example.com", "passwordHash": HASH}


def save(table: str, *rows: dict[str, Any], company_id: int = 1) -> RecordRequest:
    owner = tables()[table].owner if table in tables() else "tickets"
    return SAVES[owner](company_id=company_id, request_id="r1", table=table, rows=rows)


def plan_of(*batch: RecordRequest, known: Known | None = None, room: int | None = None) -> Plan:
    owner = next(o for o, kind in SAVES.items() if batch[0].topic == kind.topic)
    numbers = count(100)
    known = known or Known()
    known.parents |= {("Companies", None, 1), ("Companies", None, 2), ("Plans", None, 3)}
    plan = Plan(owner, known, ids=dict.fromkeys(tables(), numbers))
    if room is not None:
        plan.room = {("Users", 1): room}
    to = "save" if isinstance(batch[0], tuple(SAVES.values())) else "delete"
    deciding.decide(plan, [(request, asking.asked([request])) for request in batch], to=to)
    return plan


def refusal(*rows: dict[str, Any], table: str = "Queues", **members: Any) -> str:
    (answer,) = plan_of(save(table, *rows, **members)).answers
    assert isinstance(answer, Refused)
    return answer.reason


def knowing(table: str, key: int, *natural: object, company_id: int | None = 1) -> Known:
    known = Known()
    known.add(tables()[table], Found(company_id, (key,), natural))
    return known


def test_a_new_row_is_inserted_with_an_id_of_its_own() -> None:
    plan = plan_of(save("Queues", {"name": "Vendas", "color": "#aaa"}))
    (row,) = plan.inserts["Queues"].values()
    assert row == {"id": 100, "companyId": 1, "name": "Vendas", "color": "#aaa"}


def test_a_row_that_is_known_by_its_natural_key_is_updated() -> None:
    plan = plan_of(
        save("Queues", {"name": "Vendas", "color": "#bbb"}),
        known=knowing("Queues", 7, 1, "Vendas"),
    )
    assert plan.inserts == {}
    assert plan.updates == {"Queues": {(7,): {"name": "Vendas", "color": "#bbb"}}}


def test_two_requests_about_one_new_row_write_it_once() -> None:
    plan = plan_of(
        save("Queues", {"name": "Vendas", "color": "#aaa"}),
        save("Queues", {"name": "Vendas", "color": "#bbb"}),
    )
    (row,) = plan.inserts["Queues"].values()
    first, second = plan.answers
    assert isinstance(first, Granted)
    assert isinstance(second, Granted)
    assert (row["color"], list(first.inserted), list(second.updated)) == (
        "#bbb",
        [("Queues", (100,))],
        [("Queues", (100,))],
    )


def test_rows_of_one_request_point_to_each_other() -> None:
    plan = plan_of(
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


def test_a_company_comes_into_being_with_its_first_user_and_settings() -> None:
    plan = plan_of(
        save(
            "Companies",
            {"$name": "nova", "name": "Nova"},
            {"$table": "Users", "companyId": {"$ref": "nova"}, **USER},
            {"$table": "Settings", "companyId": {"$ref": "nova"}, "key": "cor", "value": "azul"},
            company_id=0,
        )
    )
    assert isinstance(plan.answers[0], Granted), plan.answers
    ((company,),) = plan.inserts["Companies"]
    rows = [row for name in ("Users", "Settings") for row in plan.inserts[name].values()]
    assert [row["companyId"] for row in rows] == [company, company]


def test_a_name_that_another_row_has_is_refused_until_that_one_is_called_otherwise() -> None:
    known = knowing("Queues", 7, 1, "Vendas")
    known.add(tables()["Queues"], Found(1, (8,), (1, "Suporte")))
    taken, other, free = (
        save("Queues", {"id": 8, "name": "Vendas"}),
        save("Queues", {"id": 7, "name": "Comercial"}),
        save("Queues", {"id": 8, "name": "Vendas"}),
    )
    answers = plan_of(taken, other, free, known=known).answers
    assert [type(answer) for answer in answers] == [Refused, Granted, Granted]
    assert isinstance(answers[0], Refused)
    assert answers[0].reason == '"Queues" has another row with this name'


def test_an_address_that_a_user_of_another_company_has_is_taken() -> None:
    known = knowing("Users", 7, "ana@example.com", company_id=2)
    (answer,) = plan_of(save("Users", USER), known=known).answers
    assert isinstance(answer, Refused)
    assert answer.reason == '"Users" has another row with this email'


def test_of_a_request_that_is_refused_nothing_is_written() -> None:
    good = {"name": "Vendas", "color": "#aaa"}
    plan = plan_of(save("Queues", good, {"name": "Suporte"}), save("Queues", good))
    first, second = plan.answers
    assert isinstance(first, Refused)
    assert (first.place, isinstance(second, Granted), len(plan.inserts["Queues"])) == (1, True, 1)


NEW = {"name": "x", "color": "y"}
TICKET = {"contactId": 1, "whatsappId": 1}
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("Queues", {"name": 3}, 'name of "Queues": Input should be a valid string'),
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
def test_what_cannot_be_is_refused_with_a_sentence(
    table: str, row: dict[str, Any], sentence: str
) -> None:
    request = save(table, row)
    if table == "Files":
        request = SAVES["tickets"](company_id=1, request_id="r1", table=table, rows=(row,))
    (answer,) = plan_of(request).answers
    assert isinstance(answer, Refused)
    assert answer.reason == sentence


def test_a_password_that_is_no_hash_is_refused_and_not_repeated() -> None:
    said = refusal(USER | {"passwordHash": "segredo"}, table="Users")
    assert said.startswith('passwordHash of "Users"')
    assert "segredo" not in said


def test_the_platform_writes_its_tables_and_names_the_company_of_others() -> None:
    plan = plan_of(
        save("Plans", {"name": "Ouro"}, company_id=0),
        save("Users", USER | {"companyId": 2, "super": True}, company_id=0),
    )
    assert [type(answer) for answer in plan.answers] == [Granted, Granted]
    (user,) = plan.inserts["Users"].values()
    assert (user["companyId"], user["super"]) == (2, True)


def test_a_companys_plan_limits_its_users() -> None:
    users = [USER | {"email": f"{n}@example.com"} for n in range(3)]
    plan = plan_of(save("Users", *users[:1]), save("Users", *users[1:]), room=2)
    first, second = plan.answers
    assert isinstance(first, Granted)
    assert isinstance(second, Refused)
    assert second.reason == "the company's plan allows 1 more users"


def test_the_platform_too_keeps_to_the_plans_of_the_companies_it_writes_for() -> None:
    users = [USER | {"companyId": 1, "email": f"{n}@example.com"} for n in range(2)]
    of_another = USER | {"companyId": 2, "email": "2@example.com"}
    plan = plan_of(
        save("Users", *users, company_id=0), save("Users", of_another, company_id=0), room=1
    )
    assert [type(answer) for answer in plan.answers] == [Refused, Granted]


def test_only_a_column_that_holds_an_id_points_to_a_row_by_its_name() -> None:
    flow = {"name": "Boas-vindas", "flow": {"$ref": "n"}}
    plan = plan_of(save("FlowBuilders", flow))
    (row,) = plan.inserts["FlowBuilders"].values()
    assert row["flow"] == {"$ref": "n"}


def test_what_only_a_new_row_may_name_stays_and_may_be_said_again() -> None:
    known = knowing("Contacts", 7, 1, "5511900000001")
    same = {"number": "5511900000001", "urlPicture": "https://x.example/a.png"}
    assert isinstance(plan_of(save("Contacts", same), known=known).answers[0], Granted)
    (answer,) = plan_of(save("Contacts", same | {"name": "Bia"}), known=known).answers
    assert isinstance(answer, Refused)
    assert answer.reason == 'name of "Contacts" changes by contact.save'


def delete(table: str, *rows: dict[str, Any]) -> RecordRequest:
    kind = DELETES[tables()[table].owner]
    return kind(company_id=1, request_id="r1", table=table, rows=rows)


def test_rows_are_deleted_by_what_people_know_and_those_that_are_gone_are_no_trouble() -> None:
    known = knowing("Settings", 7, 1, "cor")
    plan = plan_of(delete("Settings", {"key": "cor"}, {"key": "som"}), known=known)
    (answer,) = plan.answers
    assert isinstance(answer, Granted)
    assert (list(plan.deletes["Settings"]), list(answer.deleted)) == ([(7,)], [("Settings", (7,))])


@pytest.mark.parametrize(
    ("table", "row", "sentence"),
    [
        ("Invoices", {"detail": "x"}, 'a row of "Invoices" is named by id'),
        ("Settings", {"value": "x"}, 'a row of "Settings" is named by id or companyId, key'),
    ],
)
def test_what_cannot_be_deleted_says_why(table: str, row: dict[str, Any], sentence: str) -> None:
    (answer,) = plan_of(delete(table, row)).answers
    assert isinstance(answer, Refused)
    assert answer.reason == sentence


def test_a_row_that_takes_much_along_is_written_down_to_be_deleted_in_steps() -> None:
    plan = plan_of(delete("Users", {"id": 7}), known=knowing("Users", 7, "ana@example.com"))
    (answer,) = plan.answers
    assert isinstance(answer, Granted)
    assert (list(answer.purged), plan.deletes) == ([(1, 7)], {})


def test_a_company_is_its_own() -> None:
    known = knowing("Companies", 7, "Padaria", company_id=None)
    request = DELETES["tickets"](
        company_id=0, request_id="r1", table="Companies", rows=({"id": 7},)
    )
    (answer,) = plan_of(request, known=known).answers
    assert isinstance(answer, Granted)
    assert list(answer.purged) == [(7, 7)]


@pytest.mark.parametrize(("word", "purged"), [({}, []), ({"$history": True}, [(1, 7)])])
def test_a_contact_only_leaves_the_address_book_unless_its_history_goes_as_well(
    word: dict[str, Any], purged: list[tuple[int, int]]
) -> None:
    known = knowing("Contacts", 7, 1, "5511900000001")
    plan = plan_of(delete("Contacts", {"id": 7} | word), known=known)
    (answer,) = plan.answers
    assert isinstance(answer, Granted)
    assert (plan.updates, list(answer.purged)) == ({"Contacts": {(7,): {"active": False}}}, purged)


def test_rows_that_take_much_along_are_asked_for_alone() -> None:
    row = {"$table": "Settings", "key": "cor"}
    (answer,) = plan_of(delete("Users", {"id": 7}, row)).answers
    assert isinstance(answer, Refused)
    assert answer.reason == 'rows of "Users" take much along: ask for them alone'


@pytest.mark.parametrize("column", ["lid", "jid", "number"])
def test_text_of_an_index_has_a_length_whatever_its_type_is(column: str) -> None:
    longest = {"name": "Ana", column: "😀" * 255}
    (granted,) = plan_of(save("Contacts", longest)).answers
    assert isinstance(granted, Granted)
    assert refusal({"name": "Ana", column: "😀" * 256}, table="Contacts") == (
        f'{column} of "Contacts": String should have at most 255 characters'
    )


@pytest.mark.parametrize("history", ["yes", 1, [], {}, [True]])
def test_a_history_that_is_neither_true_nor_false_is_refused(history: object) -> None:
    asked = DELETES["contacts"](
        company_id=1,
        request_id="r1",
        table="Contacts",
        rows=({"id": 7, "$history": history},),
    )
    (answer,) = plan_of(asked, known=knowing("Contacts", 7, 1, "551")).answers
    assert isinstance(answer, Refused)
    assert answer.reason == "$history is true or false"


def test_a_sentence_repeats_only_the_beginning_of_a_name() -> None:
    name = "x" * 100_000
    assert refusal({name: 1}) == f'"Queues" has no column {"x" * 100}…'
    assert refusal({"$table": name}) == f'there is no table "{"x" * 100}…"'


@pytest.mark.parametrize("company", [2**31, 2**63, -1, True, "1", 1.0])
def test_a_company_that_cannot_be_an_id_is_not_asked_for(company: object) -> None:
    request = save("Queues", {"companyId": company, "name": "Vendas"}, company_id=0)
    rows = asking.asked([request])
    assert asking.parents_of(rows) == {}
    (answer,) = plan_of(request).answers
    assert isinstance(answer, Refused)


@pytest.mark.parametrize("parent", [2**31, 2**63, -(2**63) - 1, -1])
def test_a_parent_that_cannot_be_an_id_is_not_asked_for(parent: int) -> None:
    request = save("Users", USER | {"whatsappId": parent})
    assert "Whatsapps" not in asking.parents_of(asking.asked([request]))
    (answer,) = plan_of(request).answers
    assert isinstance(answer, Refused)


def test_a_new_row_may_say_nothing_of_its_natural_key_and_get_it_later() -> None:
    nameless, named = {"name": "Ana", "jid": "551@s.whatsapp.net"}, {"id": 100, "channel": "x"}
    plan = plan_of(save("Contacts", nameless), save("Contacts", named))
    assert [type(answer) for answer in plan.answers] == [Granted, Granted]
    assert plan.known.find(tables()["Contacts"], 1, {"number": "551"}) is None
