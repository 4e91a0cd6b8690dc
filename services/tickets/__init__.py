"""Tickets: owns conversations; hears message.identified and .stored, tells message.routed."""
