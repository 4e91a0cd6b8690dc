"""Archives of messages and tickets that retention deletes: one for each company and month."""
