"""The site, built where AUTOENCODES_SITE says: what axe-core finds in a page of every kind."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

SITE = os.environ.get("AUTOENCODES_SITE")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(
    SITE is None or CHROMIUM is None, reason="AUTOENCODES_SITE names no built site, or no Chromium"
)

KINDS = (
    "index.html", "generated/start/index.html", "generated/start/plot_1_table.html",
    "generated/tutorials/plot_paper.html",
    "howto/index.html", "howto/data.html", "explanation/theory.html", "reference/index.html",
    "reference/estimators.html", "generated/api/autoencodes.AutoencODE.html",
    "gallery/experiments.html", "measurements/performance.html", "search.html", "genindex.html",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.mark.parametrize("name", KINDS)
def test_axe_finds_nothing_serious_and_nothing_sticks_out(browser: Any, name: str) -> None:
    page = browser.new_page(reduced_motion="reduce")
    page.goto((Path(str(SITE)) / name).resolve().as_uri())
    for wide in (1280, 390):
        page.set_viewport_size({"width": wide, "height": 900})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.wait_for_timeout(300)
            found = axe.Axe().run(page).response["violations"]
            assert [
                (v["id"], [node["target"] for node in v["nodes"]])
                for v in found
                if v["impact"] in ("serious", "critical")
            ] == [], (wide, scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= wide
    # By keyboard alone: the first stop leads past the navigation.
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").strip() == "Skip to main content"
    page.close()
