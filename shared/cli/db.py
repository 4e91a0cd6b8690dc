"""`chatia db`: migrations, seeds, roles and backups, the upkeep of a database, its problems."""

import typer

from shared.cli.loading import add_commands

COMMANDS = {
    "upgrade": "shared.cli.db_migrations:upgrade",
    "downgrade": "shared.cli.db_migrations:downgrade",
    "current": "shared.cli.db_migrations:current",
    "history": "shared.cli.db_migrations:history",
    "status": "shared.cli.db_migrations:status",
    "repair": "shared.cli.db_migrations:repair",
    "seed": "shared.cli.db_seeds:seed",
    "unseed": "shared.cli.db_seeds:unseed",
    "roles": "shared.cli.db_roles:roles_command",
    "generate": "shared.cli.db_generate:generate",
    "backup": "shared.cli.db_backup:backup",
    "backups": "shared.cli.db_backup:backups",
    "restore": "shared.cli.db_backup:restore",
    "base-backup": "shared.cli.db_continuous:base_backup",
    "verify": "shared.cli.db_continuous:verify",
    "drill": "shared.cli.db_continuous:drill",
    "wal": "shared.cli.db_wal:app",
    "purge": "shared.cli.db_purge:purge",
    "unarchive": "shared.cli.db_unarchive:unarchive_command",
    "doctor": "shared.cli.db_doctor:doctor",
    "locks": "shared.cli.db_sessions:locks",
    "slow": "shared.cli.db_sessions:slow",
    "cancel": "shared.cli.db_sessions:cancel_command",
    "reindex": "shared.cli.db_upkeep:reindex",
    "analyze": "shared.cli.db_upkeep:analyze",
    "vacuum": "shared.cli.db_upkeep:vacuum",
    "size": "shared.cli.db_size:size",
    "recover": "shared.cli.db_recover:recover",
}


def build_app(name: str = "") -> typer.Typer:
    """Build the group with the command `name`, or with all commands if there is no such one."""
    app = typer.Typer(name="db")
    app.callback(help="The database.", no_args_is_help=True)(lambda: None)
    add_commands(app, COMMANDS, [name], negative_arguments=["downgrade"])
    return app
