"""Values in statements are blanked: they may be tenants' data."""

import pytest

from shared.doctor.literals import blank_literals


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("SELECT 1", "SELECT ?"),
        ("SELECT 1.5e10, .5, -7", "SELECT ?, ?, -?"),
        ("WHERE name = 'Ana'", "WHERE name = ?"),
        ("WHERE name = 'Ana O''Neil' AND x", "WHERE name = ? AND x"),
        (r"WHERE name = E'Ana\'s' AND x", "WHERE name = ? AND x"),
        ("WHERE name = U&'An\\0061' AND x", "WHERE name = ? AND x"),
        ("SET b = B'01', x = X'1F', n = N'Ana'", "SET b = ?, x = ?, n = ?"),
        ("SELECT $$Ana 'x'$$, 1", "SELECT ?, ?"),
        ("SELECT $a$Ana $b$ x$a$, 1", "SELECT ?, ?"),
        ('SELECT t1.a FROM "Tickets" t1', 'SELECT t1.a FROM "Tickets" t1'),
        ('WHERE name = "Ana Silva"', "WHERE name = ?"),
        ("WHERE id = $1 AND x = $22", "WHERE id = $1 AND x = $22"),
        ("SELECT a -- 5511900000001\nFROM b", "SELECT a FROM b"),
        ("SELECT a /* Ana /* Rui */ Eva */ FROM b", "SELECT a FROM b"),
        ("SELECT\n   a,\tb", "SELECT a, b"),
        ("", ""),
    ],
)
def test_values_are_blanked_and_names_and_parameters_stay(sql: str, shown: str) -> None:
    assert blank_literals(sql) == shown


@pytest.mark.parametrize(
    "cut",
    ["name = 'An", "name = E'An\\", "x = $$An", "x = $t$An", 'x = "An a', "a /* An", "a -- An"],
)
def test_a_value_at_the_end_of_a_statement_that_was_cut_off_is_blanked(cut: str) -> None:
    assert "An" not in blank_literals(f"SELECT x WHERE {cut}")
