"""Messages: owns lines and messages; hears gateways' raw events and message.routed."""
