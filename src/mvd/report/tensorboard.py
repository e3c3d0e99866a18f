"""A run in TensorBoard: every log line and validation as scalars, batches as pictures, the configuration.

Events go to the folder tensorboard in the run folder, through TensorBoard's own writer; PyTorch takes no part. Each is
on the disk before the run goes on from its log line, so a run that is killed has in TensorBoard what it has in
metrics.jsonl. A run that goes on takes back what is at its step or after it, and writes that again.
"""

from __future__ import annotations

import importlib
import io
import json
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from mvd.config import to_json
from mvd.data.samples import Modality
from mvd.errors import ConfigError, RunError
from mvd.runs import open_run
from mvd.runs.observer import Observer, SampleBatch, StepLog

FOLDER = "tensorboard"

_TALL = 128  # pixels, to which pictures are made smaller
_GAP = 4
_LABEL = 44


class TensorBoardWriter(Observer):
    """An `mvd.runs.observer.Observer` that writes TensorBoard's events; a context manager.

    Args:
        path: the run folder, which need not be there before the run starts.

    Raises:
        ConfigError: TensorBoard is not installed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._step = 0
        self._writer: Any = None
        try:
            self._files = importlib.import_module("tensorboard.summary.writer.event_file_writer")
            self._events = importlib.import_module("tensorboard.compat.proto.event_pb2")
            self._summaries = importlib.import_module("tensorboard.compat.proto.summary_pb2")
            self._hparams = importlib.import_module("tensorboard.plugins.hparams.plugin_data_pb2")
        except ImportError as error:
            raise ConfigError(
                f"--tensorboard: expected the package tensorboard, found none that works ({error}); "
                f"pip install 'mvd[watch]', or leave it away"
            ) from error

    def __enter__(self) -> TensorBoardWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()

    def started(self, step: int, steps: int) -> None:
        """Begin at `step`: what is there already is kept up to it, and what metrics.jsonl alone has is added."""
        folder = self._path / FOLDER
        watched = any(folder.glob("events.out.tfevents.*"))
        try:
            self._writer = self._files.EventFileWriter(str(folder))
        except OSError as error:
            raise RunError(f"{folder}: expected to write events there, could not ({error.strerror})") from error
        self._step = step
        if watched:
            start = self._events.SessionLog(status=self._events.SessionLog.START)
            self._writer.add_event(self._events.Event(wall_time=time.time(), step=step, session_log=start))
        run = open_run(self._path)
        self._write(0, [self._configuration(json.loads(to_json(run.config)))])
        for record in run.metrics():
            if record["step"] == step or not watched:
                self._write(record["step"], self._scalars(_flat(record)))
        self._writer.flush()

    def sampled(self, step: int, show: Callable[[], SampleBatch]) -> None:
        """Write a batch as one picture: a row for each person, visible and infrared side by side."""
        sheet = batch_sheet(show())
        file = io.BytesIO()
        sheet.save(file, "PNG")
        image = self._summaries.Summary.Image(
            height=sheet.height, width=sheet.width, colorspace=3, encoded_image_string=file.getvalue()
        )
        self._write(step, [self._summaries.Summary.Value(tag="batch", image=image)])

    def stepped(self, step: int) -> bool:
        """Take note of a step; the run goes on."""
        self._step = step
        return True

    def logged(self, log: StepLog) -> None:
        """Write a log line."""
        self._write(log.step, self._scalars(_flat(log._asdict())))
        self._writer.flush()

    def validated(self, epoch: int, metrics: Mapping[str, float], *, best: bool) -> None:
        """Write a validation."""
        self._write(self._step, self._scalars(_flat({"validation": metrics})))
        self._writer.flush()

    def _write(self, step: int, values: Iterable[Any]) -> None:
        summary = self._summaries.Summary(value=list(values))
        self._writer.add_event(self._events.Event(wall_time=time.time(), step=step, summary=summary))

    def _scalars(self, figures: Mapping[str, float]) -> list[Any]:
        return [self._summaries.Summary.Value(tag=name, simple_value=value) for name, value in figures.items()]

    def _configuration(self, config: Mapping[str, Any]) -> Any:
        start = self._hparams.SessionStartInfo(start_time_secs=time.time())
        for name, value in _settings(config).items():
            if isinstance(value, bool):
                start.hparams[name].bool_value = value
            elif isinstance(value, int | float):
                start.hparams[name].number_value = value
            else:
                start.hparams[name].string_value = value
        content = self._hparams.HParamsPluginData(session_start_info=start, version=0).SerializeToString()
        plugin = self._summaries.SummaryMetadata.PluginData(plugin_name="hparams", content=content)
        metadata = self._summaries.SummaryMetadata(plugin_data=plugin)
        return self._summaries.Summary.Value(tag="_hparams_/session_start_info", metadata=metadata)


def batch_sheet(batch: SampleBatch) -> Image.Image:
    """Draw a batch: a row for each person with the data set's number, visible pictures left, infrared right."""
    people = list(dict.fromkeys(batch.identities.tolist()))
    rows = [
        [batch.pictures[(batch.identities == person) & (batch.modalities == modality)] for modality in Modality]
        for person in people
    ]
    _, height, width, _ = batch.pictures.shape
    scale = min(1.0, _TALL / height)
    tall, wide = round(height * scale), round(width * scale)
    counts = [max(len(row[side]) for row in rows) for side in range(2)]
    sheet = Image.new(
        "RGB", (_LABEL + sum(counts) * (wide + _GAP) + 2 * _GAP, len(rows) * (tall + _GAP) + _GAP), "white"
    )
    draw = ImageDraw.Draw(sheet)
    for number, (person, sides) in enumerate(zip(people, rows, strict=True)):
        top = _GAP + number * (tall + _GAP)
        draw.text((_GAP, top + tall // 2 - 5), str(person), fill="black")
        for side, pictures in enumerate(sides):
            left = _LABEL + side * (counts[0] * (wide + _GAP) + 2 * _GAP)
            for column, picture in enumerate(np.asarray(pictures)):
                small = Image.fromarray(picture).resize((wide, tall), Image.Resampling.BILINEAR)
                sheet.paste(small, (left + column * (wide + _GAP), top))
    return sheet


def _flat(record: Mapping[str, Any]) -> dict[str, float]:
    """Name the figures of a log line or a validation as TensorBoard groups them: "losses/total", "lr"."""
    figures: dict[str, float] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            figures |= {f"{name}/{part}": figure for part, figure in value.items()}
        elif name not in ("step", "best", "epoch"):
            figures[name] = value
    if "losses" in record:
        figures["epoch"] = record["epoch"]
    return figures


def _settings(values: Mapping[str, Any], prefix: str = "") -> dict[str, bool | float | str]:
    flat: dict[str, bool | float | str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _settings(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value if isinstance(value, bool | int | float | str) else " ".join(map(str, value))
    return flat
