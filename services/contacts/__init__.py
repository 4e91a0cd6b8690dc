"""The contacts service: the address book of each company, and the contact of each message."""
