"""The tickets service: routes messages to tickets, and runs the life cycle of tickets."""
