"""The laws of the page: well-formed, self-contained, true to its data."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import zlib
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from report.motions import motion

from autoencodes.experiments import ResultTable
from autoencodes.plot.decoder import packed
from autoencodes.plot.explorer import Explorer
from autoencodes.plot.motion import longest
from autoencodes.report.page import Drawn, Extremes, Page, Strip, html
from autoencodes.report.page.scenes import scene
from autoencodes.report.page.strips import mosaic
from autoencodes.report.page.tables import table
from autoencodes.run.worst import Guilty, Odd

pytest.importorskip("matplotlib")
pytest.importorskip("vl_convert")
Image = pytest.importorskip("PIL.Image")

VOID = {"meta", "link", "img", "input", "br", "wbr"}
HOSTILE = "</script><script>alert('1')</script> \" onload=\"x & <b> <!-- {x}"


def png(width: int = 20, height: int = 10) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (width, height)).save(stream, "PNG")
    return stream.getvalue()


def page(**entries: Any) -> Page:
    """One that has a part of every kind."""
    results = ResultTable(
        "Errors", ("name", "error", "steps"), (("a", 0.123456, 3), ("b", None, 5))
    )
    further = ResultTable("More", ("ok",), ((True,),))
    images = [np.full((2, 3, 4), 50 * k, np.uint8) for k in range(3)]
    found: dict[str, Any] = {
        "title": "an experiment",
        "about": "what it shows",
        "sentence": "It came out.",
        "tables": {"results": results, "further": further},
        "pictures": (Drawn("loss", png(), "A caption.", "A finding."),),
        "motions": (motion(), motion(1), motion(3)),
        "certificates": {"the control": ["λ_min = 1 > 0."]},
        "notes": ("Nothing failed.",),
        "configuration": {"seed": 4, "nested": {"steps": [1, 2]}},
        "machine": {"cores": 2, "jax": "1.2.3"},
        "seconds": 75.26,
        "explorers": (explorer(), explorer((2, 3))),
        "extremes": extremes(),
        "strips": (Strip("Training", ("original", "epoch 1", "epoch 2"), images),),
    }
    return Page(**{**found, **entries})


def explorer(shape: tuple[int, int] | None = None) -> Explorer:
    """Of a grid between latent values of -1 and 1, at whose corners features are 0 to 3."""
    corners = {"count": 2, "size": 6, "numbers": packed(np.repeat(np.arange(4), 6))}
    columns = [{"name": f"column {k}", "kind": "number", "at": k, "low": 0, "high": 3,
                "whole": False, "clock": False} for k in range(6)]  # fmt: skip
    facts: dict[str, Any] = {
        "decoder": None, "grid": corners, "names": ["z₁", "z₂"], "of": 2, "centre": [0, 0],
        "vectors": [[1, 0], [0, 1]], "low": [-1, -1], "high": [1, 1], "start": [-1, -1],
        "codes": [[-1, -1], [1, 1]], "labels": [0, 1], "label_names": ["a", "b"], "held": False,
    }  # fmt: skip
    seen = {"columns": columns} if shape is None else {"shape": shape, "black": 0, "white": 3}
    return Explorer("decoded", facts | seen)


def extremes() -> Extremes:
    odd = Odd("row 7", "test", 1.5e-5, None, (Guilty("mass, g", "-3.5", "0.00012", 0.25),))
    return Extremes((odd,), (odd,), 40)


class Reading(HTMLParser):
    """The elements of a page, with their attributes; fails where one is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.inside: list[str] = []
        self.words: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert self.inside == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.inside.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.inside.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append((self.inside[-1] if self.inside else "", data.strip()))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]

    def text(self, tag: str) -> list[str]:
        return [words for inside, words in self.words if inside == tag]

    @property
    def data(self) -> list[dict[str, Any]]:
        """What stands in the scripts that hold data."""
        return [json.loads(text) for text in self.text("script") if text.startswith("{")]

    def held(self, name: str) -> list[Any]:
        """The value of a signal in every chart that has it."""
        found = [data["spec"]["signals"] for data in self.data if "spec" in data]
        return [signal["value"] for each in found for signal in each if signal["name"] == name]


def test_a_page_is_well_formed_and_says_everything() -> None:
    read = Reading(html(page()))
    assert read.text("h1") == ["an experiment"]
    assert read.text("h2") == [
        "Certificate",
        "The flows, layer by layer",
        "Explore the latent space",
        "Training",
        "Figures",
        "Best and worst rows",
        "Further tables",
        "Notes",
        "Configuration",
        "Machine",
    ]
    assert all(attributes["alt"] for attributes in read.all("img"))
    assert len(read.all("img")) == 2
    assert "seed 4 · 75.3 s on 2 cores" in read.text("p")
    assert read.text("figcaption")[-1] == "A caption."
    assert len(read.text("figcaption")) == 4
    assert {"nested.steps", "[1, 2]", "1.2.3"} <= set(read.text("th") + read.text("td"))
    assert len(read.data) == 5
    assert read.text("summary")[:2] == ["What was run", "Where, and with which versions"]
    assert {"−3.5", "1.2×10⁻⁴", "25\N{NO-BREAK SPACE}%"} <= set(read.text("td"))
    assert "error 1.5×10⁻⁵" in read.text("span")


def test_names_within_a_page_are_unique_and_lead_somewhere() -> None:
    read = Reading(html(page()))
    names = [str(a["id"]) for _, a in read.found if "id" in a]
    assert len(names) == len(set(names))
    for _, attributes in read.found:
        for by in ("aria-labelledby", "aria-describedby"):
            assert attributes.get(by, names[0]) in names


def test_a_page_without_parts_has_no_empty_sections() -> None:
    nothing: dict[str, Any] = {
        "tables": {},
        "pictures": (),
        "motions": (),
        "certificates": {},
        "notes": (),
        "configuration": {},
        "strips": (),
        "explorers": (),
        "extremes": None,
    }
    assert Reading(html(page(**nothing))).text("h2") == ["Machine"]


def test_a_page_asks_the_network_for_nothing() -> None:
    text = html(page())
    library = re.search(r'id="library">(.*?)<', text)
    assert library is not None
    text = text.replace(library[1], "")
    assert not re.search(r"https?:|url\(|@import|(?:src|href)=\"(?!data:)", text)
    read = Reading(text)
    assert all(str(a["src"]).startswith("data:image/png;base64,") for a in read.all("img"))
    policy = next(str(a["content"]) for a in read.all("meta") if a.get("http-equiv"))
    assert "default-src 'none'" in policy
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    packed = zlib.decompress(base64.b64decode(library[1]))
    for code in (script.encode(), packed):
        digest = base64.b64encode(hashlib.sha256(code).digest()).decode()
        assert f"'sha256-{digest}'" in policy


def test_the_same_content_gives_the_same_page() -> None:
    assert html(page()) == html(page())


def test_names_from_the_data_stay_text() -> None:
    hostile = motion(
        title=HOSTILE, label_names=(HOSTILE, HOSTILE + "2"), components=(HOSTILE, "x2")
    )
    found = page(
        title=HOSTILE,
        about=HOSTILE,
        sentence=HOSTILE,
        tables={HOSTILE: ResultTable(HOSTILE, (HOSTILE,), ((HOSTILE,),))},
        pictures=(Drawn("n", png(), HOSTILE, HOSTILE),),
        motions=(hostile,),
        certificates={HOSTILE: [HOSTILE]},
        notes=(HOSTILE,),
        configuration={HOSTILE: HOSTILE},
        machine={HOSTILE: [HOSTILE]},
        explorers=(
            replace(
                explorer(),
                title=HOSTILE,
                facts=explorer().facts | {"names": [HOSTILE] * 2, "label_names": [HOSTILE] * 2},
            ),
        ),
        strips=(Strip(HOSTILE, (HOSTILE,), [np.zeros((1, 2, 2), np.uint8)]),),
    )
    read = Reading(html(found))
    assert len(read.all("script")) == 4
    assert not read.all("b")
    assert not any("onload" in attributes for _, attributes in read.found)
    assert read.text("h1") == [HOSTILE]
    assert read.held("names") == [[HOSTILE, "x2"]]
    assert read.held("classes")[0][1] == HOSTILE + "2"


def test_large_flows_are_thinned_to_a_small_page() -> None:
    rng = np.random.default_rng(0)
    large = motion(784, 400, 60)
    large = replace(large, states=rng.normal(size=large.states.shape))
    long = motion(2, 400, 1000)
    text = html(page(motions=(large, large, long)))
    assert len(text.encode()) < 5_000_000
    assert [len(names) for names in Reading(text).held("names")] == [8, 8, 2]
    assert "of 400 particles" in text
    assert "Of 784 components" in text


def test_a_switch_is_explained_only_where_something_is_lost() -> None:
    lost, kept = motion(), motion()
    kept = replace(kept, states=np.repeat(kept.states[:1], 7, axis=0))
    assert "becomes 0 at once" in html(page(motions=(kept, lost)))
    assert "becomes 0 at once" not in html(page(motions=(kept,)))


@pytest.mark.parametrize("dim", [1, 2, 3, 20])
def test_a_scene_holds_the_states_to_four_digits(dim: int) -> None:
    found = motion(dim)
    held = scene(found)
    carried = [found.components.index(name) for name in held["components"]]
    states = np.array(held["states"]).reshape(7, 7, -1)
    np.testing.assert_allclose(states, found.states[..., carried], rtol=5.1e-4)
    assert [[c == "1" for c in row] for row in held["on"]] == found.active[:, carried].tolist()
    assert held["widths"] == found.active[1:].sum(axis=1).tolist()
    assert (held["grid"] is None) == (dim > 16)
    json.dumps(held, allow_nan=False)


def test_a_plane_has_the_components_that_are_active_longest() -> None:
    active = np.ones((5, 4), bool)
    active[2:, 0] = active[1:3, 2] = False
    assert longest(active) == [1, 3]
    assert longest(active[:, :1]) == [0]


def test_targets_stand_once_and_only_where_they_fit() -> None:
    places = np.array([[1.0, 0.0], [-1.0, 0.0]])[np.arange(7) % 2]
    assert scene(motion(targets=places))["targets"] == [[-1, 0], [1, 0]]
    assert scene(motion(3, targets=places))["targets"] == []


def test_a_table_shows_three_digits_and_keeps_all() -> None:
    read = Reading(table(page().tables["results"]))
    assert read.text("caption") == ["Errors"]
    heads = read.all("th")
    assert [a["scope"] for a in heads] == ["col", "col", "col", "row", "row"]
    assert read.text("td") == ["0.123", "3", "–", "5"]
    titles = [a.get("title") for a in read.all("td")]
    assert titles == ["0.123456", None, "none", None]
    assert all(a["class"] == "number" for a in read.all("td"))


@pytest.mark.parametrize("colours", [(), (3,)])
def test_a_strip_has_rows_of_one_height_and_clear_gaps(colours: tuple[int, ...]) -> None:
    images = [np.full((2, 3, 4, *colours), 50 * k + 5, np.uint8) for k in range(3)]
    pixels = mosaic(Strip("s", ("a", "b", "c"), images))
    rows = np.split(pixels, 3)
    for k, row in enumerate(rows):
        opaque = row[..., 3] == 255
        assert (row[opaque][:, :3] == 50 * k + 5).all()
        assert opaque.mean() > 0.7
        assert not opaque[0].any()
        assert not opaque[:, row.shape[1] // 2].any()
