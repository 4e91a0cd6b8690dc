"""WAHA (WhatsApp HTTP API) with its engines WEBJS, WPP, NOWEB, ZAPO and GOWS."""
