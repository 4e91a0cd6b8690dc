"""Text that an index holds has a length.

Revision ID: 20261129090100
Revises: 20261127120100

An index row has at most 2,704 bytes, and Postgres refuses a longer one with an error (54000) that
blames no value. 255 characters, as in the other columns, are at most 1,020 bytes each.

Services go on while this runs. A constraint is added NOT VALID, for which a table is locked for an
instant only, and each table in a transaction of its own, so that no two locks are held at once;
then it is validated beside the services. From the first step on it holds for what is written.

A row may be too long already: an index takes up to 2,704 bytes of one column, and more where they
can be compressed. It stays as it is, for half of an identity is another identity, and its
constraint stays NOT VALID; the row is shortened by hand, and the constraint then validated:

    SELECT conrelid::regclass, conname FROM pg_constraint WHERE NOT convalidated

Each statement may be repeated, so an upgrade that was broken off is begun again.
"""

import sqlalchemy as sa
from alembic import op

revision = "20261129090100"
down_revision: str | None = "20261127120100"
branch_labels = None
depends_on = None

NAME = 255  # characters
LENGTHS = {
    "ApiUsages": {"dateUsed": NAME},
    "AwaitedChanges": {"wid": NAME},
    "AwaitedQuotes": {"wid": NAME},
    "Checkpoints": {"service": NAME, "topic": NAME},
    "Contacts": {"lid": NAME, "jid": NAME},
    "DeadLetters": {"service": NAME, "topic": NAME},
    # One index has all three, and there is room for 674 characters.
    "GatewayConnections": {"gateway": 64, "server": NAME, "instance": NAME},
    "LidNumbers": {"lid": NAME},
    "PurgedRows": {"tableName": NAME},
    "Quarantines": {"service": NAME, "line": NAME},
    "Reactions": {"author": NAME},
    "Requests": {"service": NAME, "requestId": NAME},
    "SeedRows": {"seed": NAME, "tableName": NAME},
    "Sends": {"sendId": NAME, "chat": NAME, "wid": NAME},
    "Whatsapps": {"channel": NAME},
}

VALIDATE = """
DO $$ BEGIN
  ALTER TABLE "{table}" VALIDATE CONSTRAINT "{name}";
EXCEPTION WHEN check_violation THEN
  RAISE WARNING '% has rows that are longer: it stays NOT VALID', '{name}';
END $$
"""


def upgrade() -> None:
    with op.get_context().autocommit_block():
        _run("SET lock_timeout = '5s'")
        for table, lengths in LENGTHS.items():
            parts = [
                f'DROP CONSTRAINT IF EXISTS "{_name(table, column)}", '
                f'ADD CONSTRAINT "{_name(table, column)}" '
                f'CHECK (char_length("{column}") <= {length}) NOT VALID'
                for column, length in lengths.items()
            ]
            _run(f'ALTER TABLE "{table}" {", ".join(parts)}')
        for table, lengths in LENGTHS.items():
            for column in lengths:
                _run(VALIDATE.format(table=table, name=_name(table, column)))
        _run("RESET lock_timeout")


def downgrade() -> None:
    _limit_waiting()
    for table, lengths in LENGTHS.items():
        parts = [f'DROP CONSTRAINT "{_name(table, column)}"' for column in lengths]
        _run(f'ALTER TABLE "{table}" {", ".join(parts)}')


def _run(sql: str) -> None:
    op.execute(sa.text(sql))


def _name(table: str, column: str) -> str:
    return f"ck_{table}_{column}_length"


def _limit_waiting() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '60s'")
