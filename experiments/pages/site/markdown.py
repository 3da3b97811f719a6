"""Our own Markdown pages as HTML."""

import re

import markupsafe
from markdown_it import MarkdownIt
from markdown_it.token import Token

_BREAK = "&lt;br&gt;"  # the only HTML that our pages use


def html(text: str) -> tuple[str, markupsafe.Markup]:
    """Title and body; links to Markdown pages lead to their HTML, wide tables scroll by themselves.

    HTML in the text is shown, not obeyed, line breaks apart.
    """
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    title, _, rest = text.partition("\n")
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(rest)
    for token in tokens:
        for inner in token.children or ():
            _redirect(inner)
    body = parser.renderer.render(tokens, parser.options, {})
    body = body.replace(_BREAK, "<br>")
    body = body.replace("<table>", '<div class="scroll" tabindex="0"><table>')
    body = body.replace("</table>", "</table></div>").replace("<img ", '<img loading="lazy" ')
    return _plain(parser, title.removeprefix("# ")), markupsafe.Markup(body)


def html_name(name: str) -> str:
    """The HTML page beside a Markdown page: README.md has index.html."""
    return re.sub(r"(^|/)README\.md(?=$|#)", r"\1index.html", name).replace(".md", ".html")


def _redirect(token: Token) -> None:
    target = str(token.attrGet("href") or "")
    if token.type == "link_open" and "://" not in target:
        token.attrSet("href", html_name(target))


def _plain(parser: MarkdownIt, line: str) -> str:
    inline = parser.parseInline(line)[0].children or []
    return "".join(token.content for token in inline)
