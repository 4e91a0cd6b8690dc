"""A campaign's recipient is a number that can be sent to, whoever writes the row.

Revision ID: 20261126100100
Revises: 20261124100200
"""

from alembic import op

revision = "20261126100100"
down_revision: str | None = "20261124100200"
branch_labels = None
depends_on = None

# One such row would stop the sends of all companies; whoever wrote it has to say who was meant.
REFUSE = """
DO $$
DECLARE unsendable text;
BEGIN
  SELECT string_agg(id::text, ', ') INTO unsendable FROM (
    SELECT id FROM "CampaignShipping" WHERE number !~ '^[0-9][0-9-]{4,39}$' ORDER BY id LIMIT 20
  ) AS bad;
  IF unsendable IS NOT NULL THEN
    RAISE EXCEPTION 'CampaignShipping.number is no telephone number in the rows with id %: '
      'mend or delete them, then run this again', unsendable;
  END IF;
END $$
"""


def upgrade() -> None:
    _limit_waiting()
    op.execute(REFUSE)
    op.create_check_constraint(
        op.f("ck_CampaignShipping_number"), "CampaignShipping", "number ~ '^[0-9][0-9-]{4,39}$'"
    )


def downgrade() -> None:
    _limit_waiting()
    op.drop_constraint(op.f("ck_CampaignShipping_number"), "CampaignShipping")


def _limit_waiting() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '60s'")
