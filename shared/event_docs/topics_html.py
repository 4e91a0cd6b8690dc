"""The page docs/topics.html, rendered from docs/topics.md; it loads nothing from elsewhere."""

import html
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from shared.event_docs import topics_page

STYLE: Final = """\
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; color: #1b1f24; }
nav { position: fixed; inset: 0 auto 0 0; width: 17rem; overflow: auto; padding: 1rem;
  background: #f6f8fa; font-size: 14px; box-sizing: border-box; }
nav a { display: block; color: inherit; text-decoration: none; }
nav a.event { padding-left: 1rem; }
main { margin-left: 17rem; padding: 1rem 2rem; max-width: 70rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border: 1px solid #d0d7de; padding: .3rem .6rem; text-align: left; vertical-align: top; }
code, pre { font: 14px/1.4 ui-monospace, monospace; background: #f6f8fa; }
pre { padding: .8rem; white-space: pre-wrap; overflow-wrap: anywhere; }
@media (max-width: 50rem) { nav { position: static; width: auto; } main { margin: 0; } }
"""


def build_page() -> str:
    """Return the page: the same headings and anchors as the text, with a list of them."""
    renderer = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = renderer.parse(topics_page.build_page())
    links = _add_anchors(tokens)
    body = renderer.renderer.render(tokens, renderer.options, {})
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>ChatIA Flow: topics and their events</title>\n<style>\n{STYLE}</style>\n</head>\n"
        f"<body>\n<nav>\n{links}</nav>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )


def _add_anchors(tokens: Sequence[Token]) -> str:
    """Give each heading an id, and return links to those below the title."""
    links = []
    for opening, text in pairwise(tokens):
        if opening.type == "heading_open" and opening.tag != "h1":
            anchor = topics_page.build_anchor(text.content)
            opening.attrSet("id", anchor)
            kind = ' class="event"' if opening.tag == "h3" else ""
            name = text.content.partition(" on ")[0]
            links.append(f'<a{kind} href="#{html.escape(anchor)}">{html.escape(name)}</a>\n')
    return "".join(links)
