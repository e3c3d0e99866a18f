"""Galleries that are killed, shared by processes, and kept in a bucket."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import gallery_kills
import pytest
from galleries import PlainModel, draw, use_models

from mvd.commands.pictures.gallery import Gallery
from mvd.errors import GalleryError
from mvd.gallery import table
from mvd.gallery.filters import Filter


def test_a_kill_leaves_each_picture_wholly_in_or_wholly_out(tmp_path: Path) -> None:
    place = tmp_path / "people"
    said: list[tuple[str, int]] = []
    for number, (word, seconds) in enumerate((("adding", 0.02), ("removing", 0.004), ("removing", 0.05))):
        said += gallery_kills.kill_after(place, 1000 * number, seconds, word)
        assert gallery_kills.faults(place, said) == []
    assert sum(word == "removing" for word, _ in said) >= 2


def test_two_processes_add_and_search_at_once_without_loss(tmp_path: Path) -> None:
    place = tmp_path / "people"
    Gallery(place).add(gallery_kills.drawn(0))
    command = [sys.executable, gallery_kills.__file__, str(place), "100", "15"]
    with subprocess.Popen(command) as other:
        number = 0
        while other.poll() is None or number < 10:
            number += 1
            gallery = Gallery(place)
            # Both add the batch 105 once, which is there once in the end.
            gallery.add(gallery_kills.drawn(105 if number == 5 else number))
            answer = gallery.search(gallery_kills.drawn(0).take([0]), top=1000)
            assert answer.rows >= 10 * (number + 1 - (number - 1) // 4)
            if number % 4 == 0:
                gallery.remove(paths=[f"/nowhere/{number}"])
    assert other.returncode == 0
    mine = [one for one in range(1, number + 1) if one % 4 and one != 5]
    expected = {path for one in (0, *mine, *range(100, 115)) for path in gallery_kills.drawn(one).paths}
    found = Gallery(place).table.read(["path"]).column("path").to_pylist()
    assert set(found) == expected
    assert len(found) == len(expected)
    audit = Gallery(place).audit()
    assert audit.broken is None
    lines = [json.loads(line) for line in (place / "log.jsonl").read_text().splitlines()]
    assert sum(line["what"] == "search" for line in lines) == number


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of a local S3 server."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT": f"http://{host}:{port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    import boto3

    boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1").create_bucket(Bucket="people")
    yield "people"
    server.stop()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of boto3's
def test_a_gallery_in_a_bucket(bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import boto3

    use_models(monkeypatch, PlainModel())
    address = f"s3://{bucket}/one"
    rows, folder = draw(40, people=8), tmp_path / "folder"
    for place in (address, folder):
        gallery = Gallery(place)
        gallery.add(rows.take(range(30)), keep_days=30)
        assert Gallery(place).add(rows).present == 30
    query = draw(1, seed=9)
    for only in (Filter(), Filter(cameras=("b",), tags=("even",)), Filter(cameras=("b",))):
        near, far = (Gallery(place).search(query, only=only) for place in (folder, address))
        assert near.hits == far.hits or [hit.entry.path for hit in near.hits] == [hit.entry.path for hit in far.hits]
    gallery = Gallery(address)
    gone = rows.vectors[3].tobytes()
    client = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT"], region_name="us-east-1")

    def holds(content: bytes) -> bool:
        listed = client.list_objects_v2(Bucket=bucket)["Contents"]
        return any(content in client.get_object(Bucket=bucket, Key=one["Key"])["Body"].read() for one in listed)

    assert holds(gone)
    assert gallery.remove(paths=["/nowhere/0/3.jpg"]).rows == 1
    assert not holds(gone)
    assert holds(rows.vectors[4].tobytes())
    assert gallery.stats().rows == 39
    audit = gallery.audit()
    assert audit.broken is None
    assert audit.lines == 7  # two adds, three searches, two of the removal
    with pytest.raises(
        GalleryError, match=r"expected to reach the store, could not \(there is no such bucket\); check"
    ):
        Gallery("s3://nowhere/one")
    with pytest.raises(GalleryError, match="expected a gallery, found nothing there"):
        Gallery(f"s3://{bucket}/two").search(query)


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    place = tmp_path / "people"
    gallery = Gallery(place)
    gallery.add(draw(10))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))  # a file may not become larger, as on a full disk
    try:
        with pytest.raises(GalleryError, match=r"expected to add to the gallery, could not .*; nothing was lost; free"):
            gallery.add(draw(2000, seed=1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    again = Gallery(place)
    assert again.stats().rows == 10
    assert again.audit().broken is None
    assert again.add(draw(2000, seed=1)).added == 2000


def test_older_versions_do_not_pile_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "VERSIONS", 4)
    place = tmp_path / "people"
    gallery = Gallery(place)
    rows = draw(12)
    for at in range(12):
        gallery.add(rows.take([at]))
    assert len(list((place / "pictures.lance" / "_versions").glob("*.manifest"))) <= 5
    assert len(list((place / "pictures.lance" / "data").iterdir())) <= 5
    assert gallery.search(draw(1, seed=1), top=20, group_seconds=0).rows == 12
