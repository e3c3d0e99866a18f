"""`mvd gallery` as a user meets it: the two commands, every action, and what is refused in one line."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from galleries import PlainModel, draw, use_models, write_people
from PIL import Image
from rich.console import Console
from shell import mvd, printed, refused

from mvd.commands.pictures.gallery import Gallery
from mvd.gallery.columns import settings_update
from mvd.metrics.calibration import learn_calibration
from mvd.reporting.gallery import answer_report
from mvd.results.embeddings import write_embeddings


@pytest.fixture(autouse=True)
def _models(monkeypatch: pytest.MonkeyPatch) -> None:
    use_models(monkeypatch, PlainModel(), PlainModel("other", 24))


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_people(tmp_path / "photos")
    return Path("photos")


def test_a_query_that_is_not_there_is_refused_before_anything_is_embedded(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "nothing.jpg: expected a file, a folder" in refused(capsys, "gallery", "search", photos, "nothing.jpg")
    assert not (photos / ".mvd-gallery").exists()


def test_a_folder_of_pictures_answers_at_once(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    night = Path("night.jpg")
    shutil.copy(photos / "2_0.jpg", night)
    (photos / "2_0.jpg").unlink()
    assert mvd("gallery", "search", photos, night, "--top", "2") == 0
    captured = capsys.readouterr()
    assert "no model was given" in captured.err
    assert "made photos/.mvd-gallery" in captured.err
    assert "photos/2_1.jpg" in captured.out
    assert "photos/2_2.jpg" in captured.out
    # Pictures that are new, changed or gone are seen the next time.
    (photos / "2_1.jpg").unlink()
    shutil.copy(photos / "2_2.jpg", photos / "new.jpg")
    shutil.copy(photos / "3_0.jpg", photos / "1_0.jpg")
    (photos / "broken.jpg").write_bytes(b"no picture")
    assert mvd("gallery", "search", photos, night, "--json", "--top", "50") == 0
    captured = capsys.readouterr()
    assert "no model was given" not in captured.err
    assert "2 added, 1 skipped, 2 removed (file gone or changed)" in captured.err
    answer = json.loads(captured.out)
    found = {Path(hit["entry"]["path"]).name for hit in answer["hits"]}
    assert found == {file.name for file in photos.glob("*.jpg")} - {"broken.jpg"}
    assert mvd("gallery", "stats", photos) == 0
    assert "pictures 14, visible 14" in printed(capsys)
    # Pictures from elsewhere stay, and the folder may be moved; what is removed but still there is said to come back.
    write_people(Path("elsewhere"), people=1, pictures=2, seed=3)
    assert mvd("gallery", "add", photos, "elsewhere") == 0
    photos.rename("moved")
    assert mvd("gallery", "search", "moved", night, "--json", "--top", "50") == 0
    found = {hit["entry"]["path"] for hit in json.loads(capsys.readouterr().out.partition("now\n")[2])["hits"]}
    expected = [file for file in Path("moved").glob("*.jpg") if file.name != "broken.jpg"]
    assert found == {str(file.resolve()) for file in [*expected, *Path("elsewhere").iterdir()]}
    assert mvd("gallery", "remove", "moved", "--path", "moved/new.jpg") == 0
    assert "still in the folder that this gallery follows: 1 picture; the next search" in printed(capsys)


def test_add_search_show_remove_stats_and_audit(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert mvd("gallery", "add", "people", photos, "--camera", "door", "--tag", "a", "b", "--keep-days", "30") == 0
    assert "people: 15 added; 15 pictures now" in printed(capsys)
    assert mvd("gallery", "add", "people", photos) == 0
    assert "people: 0 added, 15 there already; 15 pictures now" in printed(capsys)
    assert mvd("gallery", "search", "people", photos / "1_0.jpg", photos / "1_1.jpg", "--top=1", "--combine=best") == 0
    assert "photos/1_2.jpg" in printed(capsys)
    assert mvd("gallery", "show", "people", "--json", "--top=1") == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert (entry["camera"], entry["tags"], entry["modality_source"]) == ("door", ["a", "b"], "pixels")
    row = entry["row"][:8]
    assert mvd("gallery", "show", "people", row, "--thumbnail", "small.jpg") == 0
    assert row in printed(capsys)
    with Image.open("small.jpg") as picture:
        assert max(picture.size) <= 128
    assert mvd("gallery", "search", "people", "--like", row, "--rerank", "--top=3") == 0
    assert "dist." in printed(capsys)
    assert mvd("gallery", "remove", "people", "--path", photos / "1_2.jpg") == 0
    assert "1 removed for good; 14 left" in printed(capsys)
    assert mvd("gallery", "stats", "people") == 0
    out = printed(capsys)
    assert "cameras door 14" in out
    assert "30 days" in out
    assert "none; search is exact" in out
    assert mvd("gallery", "audit", "people") == 0
    assert "all whole and in order" in printed(capsys)
    log = Path("people/log.jsonl")
    log.write_text(log.read_text().replace('"count":15', '"count":14'))
    assert mvd("gallery", "audit", "people") == 1
    assert "line 1 of the log is broken: it was changed" in printed(capsys)


def test_embeddings_are_added_and_searched_with(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_embeddings("rows.parquet", draw(20))
    write_embeddings("query.npz", draw(1, seed=5))
    assert mvd("gallery", "add", "people", "rows.parquet", photos) == 0
    assert "35 added" in printed(capsys)
    assert mvd("gallery", "search", "people", "query.npz", "--camera", "a", "--since", "2024-05-01") == 0
    assert "10 pictures searched" in printed(capsys)


def test_a_gallery_goes_over_to_another_model_and_keeps_the_rest(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mvd("gallery", "add", "people", photos, "--identity", "anna", "--tag", "x") == 0
    write_embeddings("other.npz", draw(2, width=24, model="other"))
    lines = refused(capsys, "gallery", "add", "people", "other.npz")
    assert "plain (" in lines
    assert "other (" in lines
    assert "mvd gallery add people --model other --embed-again" in lines
    assert "24 wide" in refused(capsys, "gallery", "search", "people", photos / "1_0.jpg", "--model", "other")
    assert Gallery("people").stats().rows == 15
    before = {entry.path: entry for entry in Gallery("people").rows(limit=None)}
    gone = Path(photos / "0_0.jpg")
    content = gone.read_bytes()
    gone.unlink()
    assert "1 gone or changed" in refused(capsys, "gallery", "add", "people", "--model", "other", "--embed-again")
    gone.write_bytes(content)
    assert mvd("gallery", "add", "people", "--model", "other", "--embed-again") == 0
    stats = Gallery("people").stats()
    assert (stats.model.name, stats.model.width, stats.rows) == ("other", 24, 15)
    assert {entry.path: entry for entry in Gallery("people").rows(limit=None)} == before
    assert mvd("gallery", "search", "people", photos / "1_0.jpg", "--top=1") == 0
    assert "photos/1_" in printed(capsys)
    assert "plain (" in refused(capsys, "gallery", "search", "people", photos / "1_0.jpg", "--model", "plain")
    assert Gallery("people").audit().broken is None


def test_what_is_wrong_is_one_line(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "expected a gallery, found nothing there" in refused(
        capsys, "gallery", "search", "nowhere", photos / "1_0.jpg"
    )
    assert "expected a gallery, found nothing there" in refused(capsys, "gallery", "stats", "nowhere")
    assert "found ftp://" in refused(capsys, "gallery", "stats", "ftp://host/people")
    assert not Path("nowhere").exists()
    Path("broken.jpg").write_bytes(b"no picture")
    add = ("gallery", "add", "people", photos, "broken.jpg", "--model", "plain")
    assert "broken.jpg: expected a picture" in refused(capsys, *add)
    assert not Path("people").exists()
    assert mvd("gallery", "add", "people", photos, "broken.jpg", "--skip-bad") == 0
    assert "skipped: broken.jpg" in capsys.readouterr().out.replace(f"{Path.cwd()}/", "")
    assert "broken.jpg: expected a picture" in refused(capsys, "gallery", "search", "people", "broken.jpg")
    assert "neither" in refused(capsys, "gallery", "search", "people")
    assert "expected which rows" in refused(capsys, "gallery", "remove", "people")
    assert "expected a gallery or an empty place" in refused(capsys, "gallery", "add", photos, photos, "--model=plain")
    assert "expected a time" in refused(capsys, "gallery", "show", "people", "--since", "noon")
    assert "keep-days" in refused(capsys, "gallery", "add", "people", "--keep-days=-1")
    with pytest.raises(SystemExit) as code:
        mvd("gallery", "serch")
    assert code.value.code == 2
    assert "did you mean search?" in capsys.readouterr().err


def test_other_formats_and_damage_are_one_line_and_nothing_is_changed(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mvd("gallery", "add", "people", photos) == 0
    table = Gallery("people").table
    record = json.loads(settings_update(table.settings)["metadata"]["mvd"])
    for number, word in ((0, "older"), (2, "newer")):
        text = json.dumps(record | {"format": number})
        table.handle.update_field_metadata({"path": "row", "metadata": {"mvd": text}})
        assert f"found the {word} format {number}; nothing was changed" in refused(capsys, "gallery", "stats", "people")
    table.handle.update_field_metadata({"path": "row", "metadata": {"mvd": json.dumps(record)}})
    table.handle.optimize()
    assert mvd("gallery", "stats", "people") == 0
    for kind in ("data/*.lance", "_versions/*.manifest"):
        shutil.rmtree("damaged", ignore_errors=True)
        shutil.copytree("people", "damaged")
        for file in Path("damaged/pictures.lance").glob(kind):
            file.write_bytes(b"\x00" * 100 + file.read_bytes()[100:-50])
        line = refused(capsys, "gallery", "search", "damaged", photos / "1_0.jpg")
        assert "damaged: expected to" in line
        assert "restore the folder from a copy" in line


@pytest.mark.parametrize("width", [80, 120])
def test_tables_fit_the_terminal(photos: Path, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    known = draw(200, people=50, seed=1)
    calibration = learn_calibration(known.vectors, np.arange(200) % 50, known.modalities, model="", data="drawn")
    use_models(monkeypatch, PlainModel(calibration=calibration))
    Gallery("people").add(draw(60, people=6))
    answer = Gallery("people").search(draw(1, seed=9), group_seconds=3600, rerank=True)
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(answer_report(answer))
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= width
    for hit in answer.hits:
        assert hit.entry.row[:8] in text
        assert hit.entry.identity is not None
    assert "prob." in text
    assert json.dumps(asdict(answer), default=str)


def test_a_path_that_no_picture_has_is_named_and_no_rows_are_refused(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mvd("gallery", "add", "station", photos) == 0
    capsys.readouterr()
    assert mvd("gallery", "remove", "station", "--path", "nowhere") == 0
    assert f"station: no picture here is nowhere or below it, {Path('nowhere').resolve()}" in capsys.readouterr().err
    assert "top: expected at least 1 row, found 0" in refused(capsys, "gallery", "show", "station", "--top", "0")
