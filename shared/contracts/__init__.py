"""The events on Kafka: one module per subject."""
