"""The message form of WhatsApp Web: whatsapp-web.js, WPPConnect and WAHA's WEBJS and WPP."""
