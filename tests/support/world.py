"""Rows that tests begin with: companies, lines and gateway connections."""

from tests.support.deployment import Deployment


async def company(deployment: Deployment, company_id: int, name: str | None = None) -> int:
    """Insert a company with this id."""
    await deployment.sql(
        'INSERT INTO "Companies" (id, name) VALUES (:id, :name)',
        id=company_id,
        name=name or f"Empresa {company_id}",
    )
    return company_id


async def line(
    deployment: Deployment,
    whatsapp_id: int,
    company_id: int,
    *,
    instance: str | None = None,
    **columns: object,
) -> int:
    """Insert a line with this id, and its Evolution connection if an instance is given."""
    names = "".join(f', "{name}"' for name in columns)
    values = "".join(f", :{name}" for name in columns)
    await deployment.sql(
        f'INSERT INTO "Whatsapps" (id, "companyId", name{names}) '  # noqa: S608 - the test's own names
        f"VALUES (:id, :company, :name{values})",
        id=whatsapp_id,
        company=company_id,
        name=f"Linha {whatsapp_id}",
        **columns,
    )
    if instance:
        await deployment.sql(
            'INSERT INTO "GatewayConnections" (gateway, instance, "companyId", "whatsappId") '
            "VALUES ('evolution', :instance, :company, :line)",
            instance=instance,
            company=company_id,
            line=whatsapp_id,
        )
    return whatsapp_id
