"""Contacts: owns the address book; hears message.received, tells message.identified."""
