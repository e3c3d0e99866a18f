"""Files of `attacks.py`: damage them, and check whether they are complete and correct."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

Content: TypeAlias = Mapping[str, object]
"""What stands in a folder, by the names of its files, without what differs from time to time."""

_OURS = ("errors-", "tmp")
_CHANGING = {"pictures_per_second", "memory"}
HOSTILE: tuple[Any, ...] = (
    10**24, -1, 0, 1.5, -0.0, 2**31, 2**63, "x", "", "\x1b[31m", None, [], {}, [[]], True, "a" * 5000, "../..",
    "\udcff",
)  # fmt: skip


def content(folder: Path) -> dict[str, object]:
    """Describe the files in a folder."""
    return {name: _describe(file) for name, file in _files(folder).items() if not _is_temporary(file)}


def leftovers(folder: Path) -> list[str]:
    """Name the temporary files in a folder."""
    found = [name for name, file in _files(folder).items() if _is_temporary(file)]
    return found + [f"tmp/{path.name}" for path in (folder / "tmp").glob("*")]


def broken_files(folder: Path, expected: Content) -> list[str]:
    """Name the files that have their final names and are not whole."""
    found = []
    for name, file in _files(folder).items():
        if _is_temporary(file) or file.name == "metrics.jsonl":  # whose last line may be cut off
            continue
        described = _describe(file)
        fixed = file.suffix in (".txt", ".csv", ".jpg", ".npy", ".mat", ".pth", ".md", ".png")
        if described is None or (fixed and name in expected and described != expected[name]):
            found.append(name)
    return found


def mutate_bytes(file: Path, rng: random.Random) -> None:
    """Change the bytes of a file: bits, a piece, the length."""
    data = bytearray(file.read_bytes())
    match rng.randrange(7):
        case 0:
            data = data[: rng.randrange(len(data) + 1)]
        case 1:
            for _ in range(rng.choice((1, 4, 64))):
                if data:
                    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        case 2:
            start = rng.randrange(len(data) + 1)
            data[start : start + rng.randrange(64)] = rng.randbytes(rng.randrange(64))
        case 3:
            data[: rng.randrange(512)] = rng.randbytes(rng.randrange(512))
        case 4:
            start = rng.randrange(len(data) + 1)
            data[start : start + 4096] = bytes(min(4096, len(data) - start))
        case 5:
            data *= rng.choice((2, 3))
        case _:
            data = bytearray(
                rng.choice((b"", b"\0", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"P6 9999999 9 255\n", b"\n"))
            )
    file.write_bytes(bytes(data))


def mutate_json(file: Path, rng: random.Random) -> None:
    """Change a value of a file of JSON, or of a line of JSON lines, for a hostile one."""
    lines = file.read_text().splitlines() if file.suffix == ".jsonl" else [file.read_text()]
    place = rng.randrange(len(lines))
    record = json.loads(lines[place])
    at: Any = record
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        if not keys:
            break
        key = rng.choice(keys)
        if isinstance(at[key], dict | list) and at[key] and rng.random() < 0.7:
            at = at[key]
            continue
        match rng.randrange(4):
            case 0 if isinstance(at, dict):
                del at[key]
            case 1 if isinstance(at, dict):
                at[rng.choice(("other", "", "step", "changes"))] = rng.choice(HOSTILE)
            case _:
                at[key] = rng.choice(HOSTILE)
        break
    text = json.dumps(record)
    if rng.random() < 0.15:
        text = rng.choice(("[" * 100_000, '{"a": 1e400}', "NaN", text.replace("1", "1e400", 1), text + text))
    lines[place] = text
    file.write_text("\n".join(lines) + "\n", errors="surrogateescape")


def _files(folder: Path) -> dict[str, Path]:
    return {
        str(file.relative_to(folder)): file
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not file.relative_to(folder).parts[0].startswith(_OURS)
    }


def _is_temporary(file: Path) -> bool:
    return file.suffix in (".part", ".lock", ".tmp") or any(
        "-unfinished-" in part or "-export-" in part or part.startswith(".tmp") for part in file.parts
    )


def _describe(file: Path) -> object:
    """Describe a file by what does not change from time to time; None if it is not whole."""
    from safetensors import SafetensorError

    from mvd.errors import MvdError

    try:
        return _read(file)
    except (ValueError, OSError, MvdError, SafetensorError, EOFError):
        return None


def _read(file: Path) -> object:
    match file.suffix:
        case ".json":
            return _fixed(json.loads(file.read_text()), file.name)
        case ".jsonl":
            lines = [json.loads(line) for line in file.read_text().splitlines()]
            return json.dumps([{key: line[key] for key in line.keys() - _CHANGING} for line in lines], sort_keys=True)
        case ".safetensors" | ".pth":
            return _weights(file)
        case ".onnx":
            import onnx

            return len(onnx.load(str(file)).graph.node)
        case ".npy":
            import numpy as np

            return zlib.crc32(np.load(file).tobytes())
        case _:
            return zlib.crc32(file.read_bytes())


def _fixed(record: Any, name: str) -> object:
    """Take what is always the same of a file of JSON."""
    if name.startswith("evaluation-"):
        return json.dumps(record["results"])
    if name == "state.json":
        return record["state"]
    return sorted(record) if name == "data.json" else json.dumps(record)


def _weights(file: Path) -> object:
    from mvd.runs import load_checkpoint, read_metadata
    from mvd.weights import read_weights

    if "checksum" in read_metadata(file):
        load_checkpoint(file)
    tensors, _ = read_weights(file)
    crc = 0
    for name in sorted(tensors):
        crc = zlib.crc32(name.encode() + tensors[name].tobytes(), crc)
    return crc
