"""The pages in a Chromium without a window; skipped where there is none."""

import pytest

from tests.experiments.pages.site.browser import Browser, find

CHROMIUM = find()
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    opened = Browser(CHROMIUM, tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def _no_problems(browser):
    browser.problems.clear()
    yield
    assert not browser.problems


def shown(browser):
    return browser.evaluate("document.querySelectorAll('#list > .claim:not([hidden])').length")


def choose(browser, control, value):
    """Sets a control and tells the page so, as a user's choice would."""
    return browser.evaluate(
        f"(() => {{ const c = document.getElementById('{control}'); c.value = '{value}';"
        "for (const kind of ['input', 'change'])"
        " c.dispatchEvent(new Event(kind, {bubbles: true})); return c.value; })()"
    )


@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize("dark", [False, True])
def test_no_page_scrolls_sideways_or_complains(browser, built, width, dark):
    for path in sorted(built.rglob("*.html")):
        browser.open(path, width=width, dark=dark)
        excess = browser.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert excess == 0, path


def test_text_stands_out_from_its_ground_in_light_and_dark(browser, built):
    """At 4.5 to 1, as WCAG asks."""
    contrast = """(() => {
      const light = (c) => { const v = c.match(/[\\d.]+/g).slice(0, 3).map((x) => x / 255)
        .map((x) => x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
        return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]; };
      const ground = light(getComputedStyle(document.body).backgroundColor);
      const ratios = Array.from(document.querySelectorAll("p, a, li, h1, h2, .status")).map((e) => {
        const text = light(getComputedStyle(e).color);
        return (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05); });
      return Math.min(...ratios); })()"""
    for dark in (False, True):
        browser.open(built / "index.html", dark=dark)
        assert browser.evaluate(contrast) >= 4.5


def test_the_index_finds_a_claim_by_keyboard(browser, built):
    browser.open(built / "index.html")
    browser.evaluate("document.getElementById('find').focus()")
    browser.type("sigmoid")
    browser.events.clear()
    browser.press("Enter", 13, "\r")
    browser.wait_for_load()
    assert browser.evaluate("location.pathname").endswith("/ledger/index.html")
    assert browser.evaluate("document.getElementById('text').value") == "sigmoid"
    total = browser.evaluate("document.querySelectorAll('#list > .claim').length")
    assert 0 < shown(browser) < total


@pytest.mark.quick
def test_tab_reaches_the_skip_link_first_and_focus_is_visible(browser, built):
    browser.open(built / "index.html")
    browser.press("Tab", 9)
    assert browser.evaluate("document.activeElement.className") == "skip"
    browser.press("Tab", 9)
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert browser.evaluate(outline) == "solid"


def test_the_ledger_filters_by_each_control_and_resets(browser, built):
    browser.open(built / "ledger" / "index.html")
    total = shown(browser)
    for control in ("document", "status", "kind"):
        value = browser.evaluate(f"document.getElementById('{control}').options[1].value")
        choose(browser, control, value)
        matching = browser.evaluate(
            f"document.querySelectorAll('#list > .claim[data-{control}=\"{value}\"]').length"
        )
        assert shown(browser) == matching
        assert 0 < matching <= total
        assert browser.evaluate("document.getElementById('shown').textContent").startswith(
            f"{matching} of {total} "
        )
        browser.evaluate("document.querySelector('#filters [type=reset]').click()")
        browser.evaluate("new Promise((done) => setTimeout(done, 20))")
        assert shown(browser) == total
    choose(browser, "text", "no such words anywhere")
    assert shown(browser) == 0


def test_the_ledger_searches_in_korean_and_by_number(browser, built):
    browser.open(built / "ledger" / "index.html")
    for text in ("학습률", "4.67"):
        choose(browser, "text", text)
        assert 0 < shown(browser) < 40


def test_a_link_to_a_claim_shows_it_and_a_status_filters(browser, built):
    browser.open(built / "ledger" / "index.html", "?status=erratum")
    assert shown(browser) == browser.evaluate(
        "document.querySelectorAll('#list > .claim[data-status=erratum]').length"
    )
    browser.open(built / "ledger" / "index.html", "?status=erratum#sigmoid-at-1")
    assert not browser.evaluate("document.getElementById('sigmoid-at-1').hidden")


def test_every_control_of_the_explorer_redraws(browser, built):
    browser.open(built / "explorer" / "index.html")
    plot = "document.getElementById('plot').innerHTML"
    sweeps = browser.evaluate(
        "Array.from(document.getElementById('sweep').options, (o) => o.value)"
    )
    seen = set()
    for sweep in sweeps:
        choose(browser, "sweep", sweep)
        for measure in browser.evaluate(
            "Array.from(document.getElementById('measure').options, (o) => o.value)"
        ):
            choose(browser, "measure", measure)
            drawn = browser.evaluate(plot)
            assert "NaN" not in drawn
            assert "<polyline" in drawn or "without a finite run" in browser.evaluate(
                "document.getElementById('caption').textContent"
            )
            seen.add(drawn)
    assert len(seen) > len(sweeps)


def test_the_explorer_picks_one_setting_and_compares_along_another(browser, built):
    browser.open(built / "explorer" / "index.html", "#momentum")
    assert browser.evaluate("document.getElementById('sweep').value") == "momentum"
    choose(browser, "measure", "train_loss")
    choose(browser, "compare", "")
    count = "document.querySelectorAll('#plot polyline').length"
    assert browser.evaluate(count) == 1
    before = browser.evaluate("document.getElementById('ends').textContent")
    choose(browser, "setting-momentum", "0.9")
    assert browser.evaluate("document.getElementById('ends').textContent") != before
    choose(browser, "compare", "momentum")
    assert browser.evaluate(count) == 3
    assert browser.evaluate("document.getElementById('setting-momentum').disabled")
    for _ in range(2):
        ticks = browser.evaluate("document.querySelector('#plot text').textContent")
        browser.evaluate("document.getElementById('log').click()")
        assert browser.evaluate("document.querySelector('#plot text').textContent") != ticks
