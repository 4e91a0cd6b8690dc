"""SQL of the deleted tenants, a column of the statement that locks checkpoints."""

# A scalar subquery, so that it is read in the statement that locks a batch's checkpoints, and no
# batch costs one statement more. A JSON object {"companyId" or "companyId:whatsappId": finished} of
# purges that are running or finished in the last 30 days, without companies that exist again.
DELETED_TENANTS = """
(SELECT jsonb_object_agg(CASE r."tableName" WHEN 'Companies' THEN CAST(r."rowId" AS text)
                         ELSE concat(r."companyId", ':', r."rowId") END,
                         p."finishedAt" IS NOT NULL)
 FROM "PurgedRows" r JOIN "Purges" p ON p.id = r."purgeId"
 WHERE r."tableName" IN ('Companies', 'Whatsapps')
   AND (p."finishedAt" IS NULL OR p."finishedAt" > now() - interval '30 days'
        AND (r."tableName" = 'Whatsapps'
             OR NOT EXISTS (SELECT FROM "Companies" c WHERE c.id = r."rowId"))))
"""
