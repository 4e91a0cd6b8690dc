"""whatsapp-web.js, through bridges that post its events."""
