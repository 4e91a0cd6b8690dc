"""Tens of thousands of rows beside those of `samples.WORLD`, most of them of its company."""

from typing import Final

LARGE_TABLES: Final = (
    "ContactTags",
    "Contacts",
    "LogTickets",
    "Messages",
    "Requests",
    "Sends",
    "TicketTags",
    "TicketTraking",
    "Tickets",
    "UserRatings",
)

NEVER_ANALYZED: Final = """
DO $$ DECLARE each regclass; BEGIN
  FOR each IN SELECT oid::regclass FROM pg_class
              WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace LOOP
    EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', each);
  END LOOP;
END $$
"""

# Company 1 has six of ten rows, all on its line 10; 2 has three, 3 one. The ids begin at 100,000.
ROWS: Final = """
SET session_replication_role = replica;
INSERT INTO "Companies" (id, name) VALUES (2, 'Empresa 2'), (3, 'Empresa 3');
INSERT INTO "Whatsapps" (id, "companyId", name) VALUES (1002, 2, 'Linha'), (1003, 3, 'Linha');
INSERT INTO "GatewayConnections" (gateway, instance, server, "companyId", "whatsappId")
VALUES ('cloud-api', '1', 'https://graph.example.com', 1, 10);
INSERT INTO "Contacts" (id, "companyId", name, number, lid)
SELECT 100000 + n, CASE WHEN n % 10 < 6 THEN 1 WHEN n % 10 < 9 THEN 2 ELSE 3 END,
       'Contato ' || n * 7919 % 20000, '55119' || 60000000 + n,
       CASE WHEN n % 3 = 0 THEN n || '00@lid' END
FROM generate_series(1, 20000) AS n;
INSERT INTO "Tickets" (id, "companyId", "contactId", "whatsappId", status, "updatedAt")
SELECT id, "companyId", id, CASE "companyId" WHEN 1 THEN 10 ELSE 1000 + "companyId" END,
       CASE WHEN id % 20 < 2 THEN 'open' WHEN id % 40 = 3 THEN 'pending' ELSE 'closed' END,
       timestamptz '2026-08-20 12:00+00' - id * 7907 % 20000 * interval '7 minutes'
FROM "Contacts" WHERE id > 100000;
INSERT INTO "TicketTags" ("companyId", "ticketId", "tagId")
SELECT "companyId", id, "companyId" FROM "Tickets" WHERE id > 100000;
INSERT INTO "ContactTags" ("companyId", "contactId", "tagId")
SELECT "companyId", id, "companyId" FROM "Contacts" WHERE id > 100000;
INSERT INTO "TicketTraking" (id, "companyId", "ticketId", "whatsappId", "finishedAt")
SELECT id, "companyId", id, "whatsappId", "updatedAt" FROM "Tickets" WHERE id > 100000;
INSERT INTO "LogTickets" ("companyId", "ticketId", type)
SELECT "companyId", id, 'closed' FROM "Tickets" WHERE id > 100000;
INSERT INTO "UserRatings" ("companyId", "ticketId", rate)
SELECT "companyId", id, id % 11 FROM "Tickets" WHERE id > 100000;
INSERT INTO "Messages" (id, "companyId", "whatsappId", "ticketId", "contactId", wid, body, "fromMe",
                        read, "createdAt")
SELECT 100000 + n, t."companyId", t."whatsappId", t.id, t."contactId", 'W' || n, 'Recado ' || n,
       n % 2 = 0, n % 2 = 0, t."updatedAt" - n % 3 * interval '20 minutes'
FROM generate_series(1, 20000) AS n JOIN "Tickets" t ON t.id = 100001 + n * 7 % 20000;
INSERT INTO "Sends" ("companyId", "sendId", "whatsappId", chat, wid, "messageId", status)
SELECT "companyId", wid, "whatsappId", 'chat', wid, id, 'sent' FROM "Messages" WHERE id > 100000;
INSERT INTO "Requests" ("companyId", "requestId", service)
SELECT 1, 'r' || n, 'tickets' FROM generate_series(1, 20000) AS n;
SET session_replication_role = origin;
"""
