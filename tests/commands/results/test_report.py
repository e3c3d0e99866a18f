"""`mvd report`: what is in the page, and what is refused."""

from __future__ import annotations

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from shell import SIZE, TINY, mvd, refused

from mvd.commands.results.report import Asked, explain, report
from mvd.commands.results.report_parts import MapMethod, look_backwards
from mvd.config import Machine
from mvd.data.samples import Modality, Row, from_rows
from mvd.errors import MissingPackageError
from mvd.metrics.features import Features
from mvd.results.report import RunReport

NASTY = "<script>alert(1)</script>&\"'"


class Page(HTMLParser):
    """Elements of a page with their attributes, and the content of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.scripts[-1] += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two runs on own pictures, one of a folder whose name would be markup."""
    folder = tmp_path_factory.mktemp("report")
    people = folder / "people"
    sizes = ("--train", 4, "--validation", 2, "--test", 4, "--pictures", 2, "--height", 64, "--workers", 1)
    assert mvd("synth", people, "--layout", "folder", *map(str, sizes)) == 0
    assert mvd("prepare", people, *SIZE, "--workers", "1") == 0
    one, other = folder / "one", folder / NASTY.replace("/", "-")
    assert mvd("train", people, "--recipe", "demo", *TINY, "--evaluate", "none", "--out", one) == 0
    assert mvd("train", people, "--recipe", "demo", *TINY, "--evaluate", "none", "--seed=1", "--out", other) == 0
    return one, other


@pytest.fixture(scope="module")
def page(runs: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Page, str, Path]:
    folder = tmp_path_factory.mktemp("page")
    file = report(runs, folder / "report.html", figures=folder / "figures")
    text = file.read_text(encoding="utf-8")
    return Page(text), text, folder


@pytest.fixture(scope="module")
def explained(runs: tuple[Path, Path]) -> RunReport:
    return explain(runs[0], _asked("none"))


def _asked(embedding_map: MapMethod) -> Asked:
    return Asked(None, (), "best", embedding_map, Machine(), print, None)


def test_the_page_needs_no_network_and_is_small(page: tuple[Page, str, Path]) -> None:
    parsed, text, _ = page
    loaded = [
        value for _, attributes in parsed.elements for name, value in attributes.items() if name in {"src", "srcset"}
    ]
    loaded += [attributes.get("href") for attributes in parsed.of("link")]
    assert loaded
    assert all(value and value.startswith("data:") for value in loaded)
    assert len(text.encode()) < 10e6


def test_every_picture_and_chart_says_what_it_shows(page: tuple[Page, str, Path]) -> None:
    parsed, _, _ = page
    assert all(attributes.get("alt") for attributes in parsed.of("img"))
    pictured = [attributes for attributes in parsed.of("div") if attributes.get("role") == "img"]
    assert len(pictured) >= 5
    assert all(len(attributes["aria-label"] or "") > 40 for attributes in pictured)


def test_right_and_wrong_are_marked_as_they_are(page: tuple[Page, str, Path], explained: RunReport) -> None:
    parsed, _, _ = page
    shown = [near.match for part in explained.protocols for one in part.retrievals for near in one.nearest]
    marks = [attributes.get("class") for attributes in parsed.of("li") if attributes.get("class") in {"right", "wrong"}]
    assert marks[: len(shown)] == ["right" if match else "wrong" for match in shown]
    assert {"right", "wrong"} == set(marks)
    alts = [attributes["alt"] or "" for attributes in parsed.of("img")]
    verdicts = [alt.split(":")[0] for alt in alts if alt.startswith(("right: ", "wrong: "))]
    assert verdicts == marks


def test_both_directions_are_shown(explained: RunReport) -> None:
    assert [part.scores.protocol for part in explained.protocols] == [
        "own/infrared-to-visible",
        "own/visible-to-infrared",
    ]
    asked = [{int(explained.samples.modalities[one.query]) for one in part.retrievals} for part in explained.protocols]
    assert asked == [{Modality.INFRARED}, {Modality.VISIBLE}]


def test_a_name_that_is_markup_stays_a_name(page: tuple[Page, str, Path]) -> None:
    parsed, text, _ = page
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text
    data = [script for script in parsed.scripts if script.startswith("{")]
    specifications = [json.loads(script) for script in data]
    assert len(specifications) == len([one for one in parsed.of("div") if "data-chart" in one])
    assert any("alert(1)" in json.dumps(one) for one in specifications)


def test_the_library_for_charts_is_whole(page: tuple[Page, str, Path]) -> None:
    _, text, _ = page
    library = text.rsplit('<script type="module">', 1)[1]
    assert library.count("</script") == 1  # nothing in it ends it early
    assert "vegaEmbed" in library


def test_figures_are_files_of_both_kinds(page: tuple[Page, str, Path]) -> None:
    _, _, folder = page
    files = sorted(file.name for file in (folder / "figures").iterdir())
    names = {name.partition(".")[0] for name in files}
    assert {"losses", "validation", "cmc", "similarities-1", "similarities-2", "map-1", "map-2"} <= names
    for name in names:
        assert (folder / "figures" / f"{name}.svg").read_text().startswith("<svg")
        assert (folder / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")


def test_runs_are_compared(page: tuple[Page, str, Path]) -> None:
    _, text, _ = page
    compared = re.search(r"Settings that differ</h3>(.*?)</table>", text, re.S)
    assert compared
    assert re.findall(r'<th scope="row">([^<]+)</th>', compared[1]) == ["seed"]


def test_the_report_agrees_with_evaluate(explained: RunReport, runs: tuple[Path, Path]) -> None:
    import mvd as api

    scores = {one.protocol: one.mean for one in api.evaluate(runs[0])}
    assert {part.scores.protocol: part.scores.mean for part in explained.protocols} == scores


@pytest.mark.slow
def test_umap_lays_out_in_the_place_of_t_sne(runs: tuple[Path, Path]) -> None:
    pytest.importorskip("umap", reason="the extra umap is not installed")
    found = explain(runs[0], _asked("umap")).map
    assert found is not None
    assert found.method == "UMAP"
    assert found.before.shape == found.after.shape == (len(found.rows), 2)
    assert np.isfinite(found.after).all()


def test_the_other_direction_is_shown_where_no_protocol_asks_it() -> None:
    rng = np.random.default_rng(0)
    people, cameras = np.repeat(np.arange(1, 301), 6), np.tile([1, 2, 3, 3, 3, 1], 300)
    modalities = np.where(cameras == 3, Modality.INFRARED, Modality.VISIBLE)
    rows = [
        Row(f"{i}.jpg", int(person), int(camera), Modality(int(modality)))
        for i, (person, camera, modality) in enumerate(zip(people, cameras, modalities, strict=True))
    ]
    samples = from_rows(rows)
    drawn = rng.normal(size=(300, 8))[samples.identities - 1] + 0.6 * rng.normal(size=(len(rows), 8))
    vectors = drawn.astype(np.float32)
    picked = look_backwards(Features(descriptors=vectors, samples=samples))
    assert {one.kind for one in picked} == {"best", "worst", "random"}
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    infrared = np.flatnonzero(samples.modalities == Modality.INFRARED)
    for one in picked:
        assert samples.modalities[one.query] == Modality.VISIBLE
        nearest = infrared[np.argsort(-(unit[infrared] @ unit[one.query]), kind="stable")]
        assert [found.row for found in one.nearest] == nearest[:10].tolist()
        same = samples.identities[nearest] == samples.identities[one.query]
        assert one.first_match == np.flatnonzero(same)[0] + 1
        assert [found.match for found in one.nearest] == same[:10].tolist()
    assert look_backwards(Features(descriptors=vectors[infrared], samples=samples.take(infrared))) == []


def test_heat_maps_are_of_pairs_of_one_person(explained: RunReport) -> None:
    assert explained.heatmaps is not None
    people = explained.samples.identities[explained.heatmaps.rows].reshape(-1, 2)
    assert (people[:, 0] == people[:, 1]).all()
    modalities = explained.samples.modalities[explained.heatmaps.rows].reshape(-1, 2)
    assert modalities.tolist() == [[0, 1]] * len(modalities)


def test_what_is_wrong_is_one_line(
    runs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "nowhere" in refused(capsys, "report", tmp_path / "nowhere")
    assert "expected a run folder" in refused(capsys, "report")
    out = tmp_path / "missing" / "report.html"
    assert "make it: mkdir -p" in refused(capsys, "report", runs[0], "--out", out, "--map", "none")
    monkeypatch.setitem(sys.modules, "altair", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'mvd\[report\]'"):
        report(runs[:1], tmp_path / "report.html")
    assert not list(tmp_path.iterdir())
