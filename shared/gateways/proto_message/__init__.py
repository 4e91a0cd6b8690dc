"""WhatsApp's protobuf message form, as JSON.

Baileys, Evolution, Evolution Go and WAHA's NOWEB and GOWS engines share it.
"""
