"""Measures the response times of a gallery's page, without the embedding of the picture.

    python benchmarks/page.py --sizes 10000 100000

The gallery is that of `benchmarks/gallery.py`: random embeddings of width 512, thumbnails of 2 KB, no named people; its
model is calibrated. The application of `mvd serve` runs in a server of this process, on the loopback interface; a
client of the standard library sends one request after the other. Each search is a new query, uploaded as a picture of
128 × 64; a fake model returns a random embedding at once, so that the time of an upload includes everything but the
network. CPU time is that of all threads, server and client together.
"""

from __future__ import annotations

import argparse
import http.client
import io
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import numpy.typing as npt
import uvicorn
from gallery import MODEL, WIDTH, NoModel, chunks, draw, insert
from PIL import Image

from mvd.commands.pictures.gallery import Gallery
from mvd.gallery.columns import Settings as GallerySettings
from mvd.gallery.place import Place
from mvd.gallery.table import PictureTable
from mvd.metrics.calibration import learn_calibration
from mvd.page.app import Settings, make_app

QUERIES = 60  # of the latest 64 that the page keeps
FILTERS = {"": {}, "a camera of eight": {"camera": "camera 3"}, "a hundred results": {"top": "100"}}


class DrawnModel(NoModel):
    """Returns drawn embeddings, one after the other."""

    def __init__(self, size: int) -> None:
        self._queries = draw(size, 1000, seed=1_000_000_007).vectors
        self._next = 0
        rng, people = np.random.default_rng(5), np.arange(400) // 4
        vectors = rng.normal(size=(100, WIDTH))[people] + 0.6 * rng.normal(size=(400, WIDTH))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        modalities = np.arange(400) % 2
        self.calibration = learn_calibration(vectors, people, modalities, model=MODEL.fingerprint, data="drawn")

    def __call__(self, pictures: object, modalities: object = None) -> npt.NDArray[np.float32]:
        """Return the next embedding, whatever the picture."""
        self._next += 1
        query: npt.NDArray[np.float32] = self._queries[self._next % len(self._queries)]
        return query.reshape(1, WIDTH)


@contextmanager
def serving(folder: Path, size: int) -> Iterator[int]:
    """Serve a gallery's page on a free port."""
    gallery = Gallery(folder)
    gallery._model = DrawnModel(size)
    app = make_app(gallery, Settings(searches=10**9))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


class Browser:
    """Asks a server, on one connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        out = io.BytesIO()
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (128, 64, 3), dtype=np.uint8)).save(out, "JPEG")
        ends = b"--page\r\n", b"\r\n--page--\r\n"
        head = b'Content-Disposition: form-data; name="pictures"; filename="x.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
        self._form = ends[0] + head + out.getvalue() + ends[1]

    def get(self, path: str) -> bytes:
        """Read a page."""
        self._connection.request("GET", path)
        answer = self._connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content
        return content

    def upload(self) -> str:
        """Search with a picture, and return the address of the result."""
        kind = {"Content-Type": "multipart/form-data; boundary=page"}
        self._connection.request("POST", "/search", self._form, kind)
        answer = self._connection.getresponse()
        answer.read()
        assert answer.status == 303, answer.status
        return answer.headers["location"] or ""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000])
    given = parser.parse_args()
    print("| pictures | what | p50, ms | p95, ms | processor, ms |\n|---|---|---|---|---|")
    for size in given.sizes:
        folder = Path(tempfile.mkdtemp(prefix="mvd-page-"))
        try:
            table = PictureTable.create(Place.of(folder), GallerySettings(model=MODEL, source="drawn"))
            for chunk in chunks(size):
                insert(table, chunk)
            with serving(folder, size) as port:
                measure(Browser(port), size)
        finally:
            shutil.rmtree(folder)
    return 0


def measure(browser: Browser, size: int) -> None:
    """Measure the page of one gallery."""
    began = time.perf_counter()
    browser.get(browser.upload())
    print(f"| {size:,} | the first result | {1000 * (time.perf_counter() - began):.0f} | | |")
    uploaded = Stopwatch("upload")
    for name, fields in FILTERS.items():
        searched = Stopwatch(f"result{', ' if name else ''}{name}")
        places = []
        for _ in range(QUERIES):
            with uploaded.running():
                places.append(browser.upload())
        for place in places:
            with searched.running():
                browser.get(f"{place}?{urlencode(fields)}")
        searched.show()
    uploaded.show()
    row = browser.get(browser.upload()).decode().partition("/thumbnail/")[2][:16]
    for name, path in (("home", "/"), ("thumbnail", f"/thumbnail/{row}")):
        watch = Stopwatch(name)
        for _ in range(QUERIES):
            with watch.running():
                browser.get(path)
        watch.show()


class Stopwatch:
    """Times requests, by the clock and by the processor."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._seconds: list[float] = []
        self._busy = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Time one."""
        start, busy = time.perf_counter(), time.process_time()
        yield
        self._seconds.append(time.perf_counter() - start)
        self._busy += time.process_time() - busy

    def show(self) -> None:
        """Print a row."""
        p50, p95 = (1000 * np.quantile(self._seconds, share) for share in (0.5, 0.95))
        busy = 1000 * self._busy / len(self._seconds)
        print(f"| | {self._name} | {p50:.0f} | {p95:.0f} | {busy:.0f} |", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
