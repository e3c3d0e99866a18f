"""TensorBoard events of a run: every log line and validation as scalars, batches as pictures, the configuration.

Events are written to the folder `tensorboard` in the run folder by TensorBoard's own writer, without PyTorch. They are
flushed at each log line, so that TensorBoard and metrics.jsonl agree after a run was killed. A resumed run discards
the events after its checkpoint and writes them again.
"""

from __future__ import annotations

import importlib
import io
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from mvd.config.compare import Value, config_fields, flatten
from mvd.data.samples import Modality
from mvd.errors import ConfigError, RunError
from mvd.runs import open_run
from mvd.runs.observer import Observer, SampleBatch, StepLog

FOLDER = "tensorboard"

_TALL = 128  # pixels: pictures are scaled down to this height
_GAP = 4
_LABEL = 44
_NO_SCALARS = ("step", "epoch", "best")


class TensorBoardWriter(Observer):
    """An observer of runs that writes TensorBoard events; a context manager.

    Args:
        path: the run folder; it may not exist before the run starts.

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
                f"pip install 'mvd[watch]', or run without --tensorboard"
            ) from error

    def __enter__(self) -> TensorBoardWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()

    def started(self, step: int, steps: int) -> None:
        """Start at `step`: keep earlier events up to it, and add log lines that only metrics.jsonl has."""
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
        self._write(0, [self._configuration(config_fields(run.config))])
        for record in run.metrics():
            if "changes" not in record and (record["step"] == step or not watched):
                self._write(record["step"], self._scalars(record))
        self._writer.flush()

    def sampled(self, step: int, show: Callable[[], SampleBatch]) -> None:
        """Write a batch as one picture: a row per person, visible and infrared side by side."""
        sheet = batch_sheet(show())
        file = io.BytesIO()
        sheet.save(file, "PNG")
        image = self._summaries.Summary.Image(
            height=sheet.height, width=sheet.width, colorspace=3, encoded_image_string=file.getvalue()
        )
        self._write(step, [self._summaries.Summary.Value(tag="batch", image=image)])

    def stepped(self, step: int) -> bool:
        """Record the step; the run continues."""
        self._step = step
        return True

    def logged(self, log: StepLog) -> None:
        """Write a log line."""
        self._write(log.step, self._scalars(log._asdict()))
        self._writer.flush()

    def validated(self, epoch: int, metrics: Mapping[str, float], *, best: bool) -> None:
        """Write a validation."""
        self._write(self._step, self._scalars({"validation": metrics}))
        self._writer.flush()

    def _write(self, step: int, values: Iterable[Any]) -> None:
        summary = self._summaries.Summary(value=list(values))
        self._writer.add_event(self._events.Event(wall_time=time.time(), step=step, summary=summary))

    def _scalars(self, record: Mapping[str, Any]) -> list[Any]:
        value = self._summaries.Summary.Value
        return [value(tag=name, simple_value=figure) for name, figure in scalars(record).items()]

    def _configuration(self, config: Mapping[str, Value]) -> Any:
        start = self._hparams.SessionStartInfo(start_time_secs=time.time())
        for name, value in config.items():
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
    """Draw a batch: a row per person with the data set's identity, visible pictures left, infrared right."""
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


def scalars(record: Mapping[str, Any]) -> dict[str, float]:
    """Return the figures of a log line or a validation by their tags in TensorBoard, such as "losses/total", "lr"."""
    figures = {name: float(value) for name, value in flatten(record, "/").items() if name not in _NO_SCALARS}
    return figures | ({"epoch": record["epoch"]} if "losses" in record else {})
