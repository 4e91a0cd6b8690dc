"""Evolution Go, which passes on the events of whatsmeow."""
