"""How gateways are asked to send: pure builders of HTTP requests, pure readers of answers."""
