"""Pages in a browser: charts that answer keys and pointers, and what axe-core finds.

Two runs are trained and every page opened once: all that needs them stands in this file.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report.motions import motion, passage

from autoencodes.plan.settings import Settings
from autoencodes.report import report
from autoencodes.report.comparison import compare
from autoencodes.report.page import html, library
from autoencodes.run import RunFolder, train, worst
from autoencodes.run.anomalies import judge
from autoencodes.run.certify import certify
from autoencodes.run.source import apply_to

pytest.importorskip("matplotlib")
pytest.importorskip("vl_convert")
playwright = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium in PATH to open pages in")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Reports: of a table with names, levels, dates and gaps, the same with a certificate and
    anomalies, of images, of an experiment, and of two runs beside each other."""
    from report.cases import digits
    from report.test_page import page
    from report.test_report import written

    folder = tmp_path_factory.mktemp("pages")
    rng = np.random.default_rng(0)
    lines = ["who,a,b,sort,day"]
    for k in range(60):
        a = rng.normal()
        sort = ("red", "blue")[k % 2]
        b = "" if k % 9 == 0 else f"{a + 0.3 * rng.normal() + (k % 2):.3f}"
        lines.append(f"p{k},{a:.3f},{b},{sort},2024-0{k % 9 + 1}-11")
    (folder / "t.csv").write_text("\n".join(lines))
    data: dict[str, Any] = {"data": str(folder / "t.csv"), "kinds": ("who=identifier",)}
    parts = {"missing": "mask", "validation_fraction": 0.2, "test_fraction": 0.4}
    size = {"latent": 2, "epochs": 3, "steps_per_block": 1, "method": "adam"}
    train(Settings(**data, **parts, **size), folder / "table")
    written(folder / "digits", digits())
    shutil.copytree(folder / "table", folder / "judged")
    run = RunFolder(folder / "judged")
    certify(run.path, seconds=0.1)
    rows = apply_to(run, str(folder / "t.csv"))
    judged = judge(run, rows, alpha=0.5, reasons=True)
    assert worst.keep_judged(run, rows, judged, "rows 60, 3 anomalies at alpha 0.5") is not None
    worst.keep(run)
    found = {name: report(folder / name).page for name in ("table", "judged", "digits")}
    found["comparison"] = folder / "compared.html"
    compare([folder / "table", folder / "digits"]).write(found["comparison"])
    found["experiment"] = folder / "experiment.html"
    found["experiment"].write_text(html(page()), "utf-8")
    found["images"] = folder / "images.html"
    found["images"].write_text(html(page(passages=(passage(),), charts=())), "utf-8")
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def opened(browser: Any, pages: dict[str, Path]) -> Iterator[Any]:
    """Opens a page; at the end it must have said nothing on its console, and asked for nothing."""
    said: list[str] = []
    contexts = []

    def open_page(name: str, wide: int = 1280, scheme: str = "light", place: str = "") -> Any:
        context = browser.new_context(
            viewport={"width": wide, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda asked: said.extend([asked.url] * (asked.url[:4] == "http")))
        page.goto(pages[name].as_uri() + place)
        if page.locator("#library").count():
            page.wait_for_selector("html[data-charts=drawn]", state="attached")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert said == []


KINDS = ("table", "judged", "digits", "experiment", "comparison", "images")


def found_by_axe(page: Any) -> list[tuple[str, Any]]:
    """What axe-core finds that is serious, in the page as it looks now."""
    found = axe.Axe().run(page).response["violations"]
    return [
        (v["id"], [node["target"] for node in v["nodes"]])
        for v in found
        if v["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("name", KINDS)
def test_axe_finds_nothing_serious_and_nothing_sticks_out(opened: Any, name: str) -> None:
    page = opened(name)
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    for wide in (1280, 390):
        page.set_viewport_size({"width": wide, "height": 900})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.wait_for_timeout(300)  # charts that follow the scheme draw anew
            assert found_by_axe(page) == [], (wide, scheme)
        assert page.evaluate("document.documentElement.scrollWidth") == wide


def test_a_curve_is_enlarged_by_keys_and_by_dragging(opened: Any) -> None:
    page = opened("table")
    chart = page.locator("#chart-loss")
    across = "document.querySelector('#chart-loss .role-axis-label').querySelectorAll('text')"
    ends = f"[...{across}].map(t => t.textContent).sort()"
    whole = page.evaluate(ends)
    assert {"objective", "training", "validation"} <= set(
        chart.locator(".role-legend-label text").all_text_contents()
    )
    start = chart.get_by_role("slider", name="from")
    start.focus()
    start.press("End")
    assert page.evaluate(ends) != whole
    start.press("Home")
    assert page.evaluate(ends) == whole
    chart.scroll_into_view_if_needed()
    plot = chart.locator("svg").bounding_box()
    x, y = plot["x"] + 0.4 * plot["width"], plot["y"] + 150
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 200, y, steps=4)
    page.mouse.up()
    assert page.evaluate(ends) != whole
    assert 0.2 < float(start.input_value()) < 0.5
    page.mouse.dblclick(x, y)
    assert page.evaluate(ends) == whole


def test_a_frame_lists_the_rows_in_it_by_keys_and_by_dragging(
    opened: Any, pages: dict[str, Path]
) -> None:
    page = opened("table")
    chart = page.locator("#chart-latent")
    samples = RunFolder(pages["table"].parent).samples
    names, codes = samples.facts["latent_names"], samples.arrays["latent"]
    assert set(names) < {f"who p{k}" for k in range(60)}
    said = chart.locator(".said")
    listed = chart.locator("tbody th")
    assert said.inner_text().startswith(f"{len(names)} of {len(names)} rows")
    edge = chart.get_by_label("frame left")
    edge.focus()
    edge.press("End")
    edge.press("PageDown")
    low, high = float(codes[:, 0].min()), float(codes[:, 0].max())
    cut = low - 0.04 * (high - low) + float(edge.input_value()) * 1.08 * (high - low)
    inside = {names[k] for k in np.flatnonzero(codes[:, 0] >= cut)}
    assert said.inner_text().startswith(f"{len(inside)} of")
    assert set(listed.all_text_contents()) == inside
    chart.locator("svg").scroll_into_view_if_needed()
    plot = chart.locator("svg").bounding_box()
    page.mouse.move(plot["x"] + 60, plot["y"] + 5)
    page.mouse.down()
    page.mouse.move(plot["x"] + plot["width"] - 5, plot["y"] + plot["height"] / 2, steps=4)
    page.mouse.up()
    assert 0 < listed.count() < len(names)
    # Every column of the table, and the error, can give the colour.
    assert chart.get_by_label("colour by").locator("option").all_text_contents() == [
        "error", "a", "b", "sort", "day",
    ]  # fmt: skip
    colours = set()
    for k in range(5):
        chart.get_by_label("colour by").select_option(index=k)
        colours.add(chart.locator(".mark-symbol path").first.get_attribute("fill"))
    assert len(colours) > 2


def test_every_control_is_reached_and_moved_by_keys(opened: Any) -> None:
    page = opened("table")
    wanted = page.evaluate(
        "[...document.querySelectorAll('input, select, button, summary, [tabindex=\"0\"]')]"
        ".filter(e => e.checkVisibility()).map((e, k) => { e.dataset.stop = k; return k; }).length"
    )
    seen = set()
    page.locator("body").focus()
    for _ in range(wanted + 3):
        page.keyboard.press("Tab")
        stop = page.evaluate("document.activeElement.dataset.stop")
        if stop is None:
            continue
        seen.add(stop)
        kind = page.evaluate("document.activeElement.type")
        if kind in ("range", "select-one"):
            value = "document.activeElement.value"
            before = page.evaluate(value)
            page.keyboard.press("ArrowRight" if kind == "range" else "ArrowDown")
            if page.evaluate(value) == before:
                page.keyboard.press("ArrowLeft" if kind == "range" else "ArrowUp")
            assert page.evaluate(value) != before, page.evaluate("document.activeElement.outerHTML")
    assert len(seen) == wanted


def places(page: Any, chart: str) -> np.ndarray:
    """Where the particles of a flow are drawn."""
    found = page.locator(f"{chart} .mark-symbol.mark path")
    moves = found.evaluate_all("all => all.map(each => each.getAttribute('transform'))")
    return np.array([[float(v) for v in re.findall(r"-?[\d.]+", move)] for move in moves])


def test_the_slider_moves_the_particles_to_their_states(opened: Any) -> None:
    found = motion()
    drawn = []
    for time, said in ((0, "layer 0 of 6, t = 0"), (1.25, "layer 2.5 of 6, t = 1.25"),
                       (3, "layer 6 of 6, t = 3")):  # fmt: skip
        page = opened("experiment", place=f"#t={time}")
        assert page.locator("#chart-flow-1 output").inner_text() == said
        drawn.append(places(page, "#chart-flow-1"))
    # One affine map, the same for all layers and of one scale, takes states to places.
    states = np.concatenate([found.states[0], found.states[2:4].mean(axis=0), found.states[6]])
    pixels = np.concatenate(drawn)
    slopes = []
    for k in range(2):
        slope, shift = np.polyfit(states[:, k], pixels[:, k], 1)
        np.testing.assert_allclose(slope * states[:, k] + shift, pixels[:, k], atol=0.1)
        slopes.append(slope)
    assert slopes[0] > 0
    np.testing.assert_allclose(slopes[1], -slopes[0], rtol=1e-2)


def test_a_flow_answers_keys_pointer_and_choices_and_plays(opened: Any) -> None:
    page = opened("experiment")
    chart = page.locator("#chart-flow-3")
    output = chart.locator("output")
    layer, particle = (chart.get_by_role("slider", name=n) for n in ("layer", "particle"))
    for slider, presses in ((layer, 3), (particle, 2)):
        slider.focus()
        for _ in range(presses):
            slider.press("ArrowRight")
    state = motion(3).states[3, 1, 0]
    assert output.inner_text() == (
        "layer 3 of 6, t = 1.5: particle 2, class above, "
        f"x1 = {state:.3g}, x2 is off, x3 is off".replace("-", "\N{MINUS SIGN}")
    )
    assert "x2 is off" in chart.locator(".role-axis-title").all_text_contents()
    particle.press("Home")
    chart.locator(".mark-symbol.mark path").nth(4).hover(force=True)
    assert "particle" in output.inner_text()
    assert chart.locator(".role-axis-title").first.text_content() == "x1"
    chart.get_by_label("across").select_option("x3")
    assert chart.locator(".role-axis-title").first.text_content() == "x3 is off"
    button = chart.get_by_role("button")
    button.press("Enter")
    assert button.inner_text() == "Pause"
    playwright.expect(output).to_contain_text("layer 5 of 6")
    button.press("Enter")
    assert button.inner_text() == "Play"


def test_images_pass_through_the_layers_by_keys_and_by_themselves(opened: Any) -> None:
    film = opened("images").locator(".film")
    said, layer, image = film.locator("output"), film.get_by_role("slider"), film.locator("img")
    assert said.inner_text() == "input"
    layer.press("ArrowRight")
    assert said.inner_text() == "after layer 4 of 8: 5 of 6 components on"
    screen, whole = film.locator(".screen").bounding_box(), image.bounding_box()
    np.testing.assert_allclose(whole["height"] / screen["height"], 3, rtol=0.01)
    np.testing.assert_allclose(screen["y"] - whole["y"], screen["height"], rtol=0.01)
    film.get_by_role("button", name="Play").press("Enter")
    film.get_by_role("button", name="Pause").wait_for()
    film.get_by_role("button", name="Play").wait_for()
    assert said.inner_text() == "after layer 8 of 8: 6 of 6 components on"


def test_an_explorer_decodes_where_it_is_moved(opened: Any) -> None:
    page = opened("experiment", 390)
    explorer = page.locator(".explorer").first
    value = explorer.locator("tbody td").first
    # Columns are 2 (z₁ + 1) / 2 + (z₂ + 1) / 2.
    assert value.inner_text() == "0"
    explorer.locator("input").first.press("End")
    assert value.inner_text() == "2"
    pad = explorer.locator(".pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    pad.click(position={"x": 0.96 * box["width"], "y": 0.04 * box["height"]})
    assert value.inner_text() == "3"
    explorer.get_by_role("button").press("Enter")
    assert value.inner_text() == "0"


def test_without_the_library_pictures_stay_and_the_page_says_how_to_get_it(
    pages: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_it = pages["table"].read_text("utf-8")
    assert "BSD 3-Clause" in with_it
    for room in ("document", "library"):
        monkeypatch.setattr(f"autoencodes.report.page.{room}.library", lambda: None)
    text = report(pages["table"].parent).page.read_text("utf-8")
    # The flow stands still.
    assert text.count("data:image/png") == with_it.count("data:image/png") + 1
    assert "pip install 'autoencodes[figures]'" in text
    assert 'id="library"' not in text
    assert len(with_it) - len(text) < 700_000


def test_the_library_is_put_together_once_and_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = library.library.__wrapped__()
    kept = list(tmp_path.rglob("*.js"))
    assert len(kept) == 1
    assert kept[0].read_text("utf-8") == first.script == library.library.__wrapped__().script
    assert "Redistribution" in first.terms
