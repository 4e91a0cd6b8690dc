"""Baileys' events, as bridges forward them and Evolution renames them."""
