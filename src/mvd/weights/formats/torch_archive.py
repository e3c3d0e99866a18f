"""Read the zip archive that `torch.save` writes: its records as slices of the file.

`zipfile` reads the directory; this module adds limits, and returns slices instead of copies. The archive is not
compressed. Number, offsets and total size of the entries are checked against the file first, to refuse zip bombs and
overlapping records. Checksums are verified unless they are 0, which PyTorch may write.
"""

from __future__ import annotations

import io
import zipfile
import zlib

from mvd.weights.formats.arrays import RefusedError, require_few

_LOCAL_HEADER = 30  # bytes, followed by the name and extra fields
_ENCRYPTED = 1
_ENTRY = b"PK\x01\x02"
_LONGEST_DIRECTORY = 2**20


def is_zip(data: bytes) -> bool:
    """Return whether a file starts like a zip archive."""
    return data.startswith(b"PK\x03\x04")


def open_archive(data: bytes) -> dict[str, memoryview]:
    """Return the records of an archive by their names within its single folder, such as "data.pkl" and "data/0".

    Raises:
        RefusedError: the archive is damaged, compressed, or not an archive of weights.
    """
    # Count the entries before zipfile creates an object for each.
    require_few(data.count(_ENTRY), len(data), "records")
    if _directory_size(data) > _LONGEST_DIRECTORY + len(data) // 8:
        raise RefusedError(f"a zip archive's list of {_directory_size(data)} bytes in a file of {len(data)}")
    try:
        entries = zipfile.ZipFile(io.BytesIO(data)).infolist()
    except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError) as error:
        raise RefusedError("a zip archive that is cut off or damaged") from error
    names = [entry.filename for entry in entries]
    folder = next((name.removesuffix("data.pkl") for name in names if name.endswith("data.pkl")), None)
    if folder is None:
        kind = "NumPy's arrays" if any(name.endswith(".npy") for name in names) else "a zip archive without data.pkl"
        raise RefusedError(kind, "save the weights with torch.save")
    if f"{folder}constants.pkl" in names:
        raise RefusedError(
            "a TorchScript program", "load it with torch.jit.load, and save its state_dict() with torch.save"
        )
    if len(set(names)) < len(names) or sum(entry.file_size for entry in entries) > len(data):
        raise RefusedError("a zip archive that declares more than it holds")
    records = {entry.filename.removeprefix(folder): _record(data, entry) for entry in entries}
    if bytes(records.get("byteorder", b"little")) != b"little":
        raise RefusedError("weights of a big-endian machine", "save them on another one")
    return records


def _directory_size(data: bytes) -> int:
    """Read the declared length of the directory from the same place as zipfile."""
    large, locator, end = data[-98:-42], data[-42:-22], data[-22:]
    if not end.startswith(b"PK\x05\x06"):
        raise RefusedError("a zip archive that is cut off")
    if locator.startswith(b"PK\x06\x07") and large.startswith(b"PK\x06\x06"):
        return int.from_bytes(large[40:48], "little")
    return int.from_bytes(end[12:16], "little")


def _record(data: bytes, entry: zipfile.ZipInfo) -> memoryview:
    if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & _ENCRYPTED:
        raise RefusedError("a zip archive that is compressed or encrypted", "save the weights with torch.save")
    header = data[entry.header_offset : entry.header_offset + _LOCAL_HEADER]
    if entry.header_offset < 0 or not is_zip(header):
        raise RefusedError("a zip archive whose records are not where it says")
    start = entry.header_offset + _LOCAL_HEADER
    start += int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    record = memoryview(data)[start : start + entry.file_size]
    if len(record) < entry.file_size or (entry.CRC and zlib.crc32(record) != entry.CRC):
        raise RefusedError("a record of a zip archive that is cut off or changed")
    return record
