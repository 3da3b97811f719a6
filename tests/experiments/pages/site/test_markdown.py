import pytest

from experiments.pages.site import markdown

pytestmark = pytest.mark.quick

PAGE = """<!-- Written by a machine. -->

# The `title`

See [the others](../README.md) and [values](pytorch.md), or [afar](https://example.org/a.md).

| a | b |
| --- | --- |
| 1<br>2 | <b>bold</b> |
"""


def test_title_and_body_come_apart():
    title, body = markdown.html(PAGE)
    assert title == "The title"
    assert "<h1>" not in body
    assert "machine" not in body


def test_links_to_pages_lead_to_their_html():
    _, body = markdown.html(PAGE)
    assert 'href="../index.html"' in body
    assert 'href="pytorch.html"' in body
    assert 'href="https://example.org/a.md"' in body


def test_html_is_shown_and_line_breaks_are_made():
    _, body = markdown.html(PAGE)
    assert "1<br>2" in body
    assert "&lt;b&gt;bold&lt;/b&gt;" in body


def test_names_of_pages():
    assert markdown.html_name("a/README.md") == "a/index.html"
    assert markdown.html_name("README.md#part") == "index.html#part"
    assert markdown.html_name("b/pytorch.md") == "b/pytorch.html"
