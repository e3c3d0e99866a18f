"""Copy a data set or a weights file from any address that fsspec reads to the user's cache (the target Cloud).

Huawei's obs:// uses the protocol of S3, at the address in S3_ENDPOINT. A list beside the copy records the size of each
file at the source and any version metadata, such as an etag, a checksum or a time. A file is copied again if one of
them has changed, and removed if it is missing at the source; an interrupted copy is continued. If a source only reports
sizes, an edit that keeps the size is not detected. Passwords and tokens in an address are used, but never written.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

from mvd.data.progress import Progress
from mvd.errors import DatasetError, MvdError
from mvd.files.atomic import is_temporary, write_atomically
from mvd.files.locks import name_locked
from mvd.files.regular import real_path
from mvd.files.strict_json import parse_json

_VERSION = (
    "ETag", "etag", "md5Hash", "md5", "crc32c", "Content-MD5", "Digest", "checksum", "version_id", "VersionId",
    "generation", "LastModified", "last_modified", "Last-Modified", "mtime", "modify", "modified", "updated", "created",
)  # fmt: skip
"""Names of version metadata in fsspec's file systems."""

_ARRAYS = "train_*_resized*"
_USER = re.compile(r"(?<=://)[^/\s]*@")
_QUERY = re.compile(r"(://[^?]*)\?\S*")


class _Source(NamedTuple):
    """Metadata of a file at its source; the size is None if it is not reported."""

    size: int | None
    version: Mapping[str, str]


def fetch(url: str, progress: Progress) -> Path:
    """Copy the folder or the file at an address, such as s3://bucket/sysu, and return the copy.

    Args:
        url: the address; the address of a folder on a web server ends with a slash.
        progress: called with (files done, total files).

    Raises:
        DatasetError: a package is missing, the address cannot be read, or the copy cannot be written.
        BusyError: another process copies it.
    """
    shown, known = without_credentials(url), _USER.sub("", url)
    folder = _cache() / (re.sub(r"[^\w.-]+", "_", shown)[:150] + "-" + hashlib.sha256(known.encode()).hexdigest()[:8])
    try:
        return _copy(url, folder, progress)
    except MvdError:
        raise
    except Exception as error:  # each kind of storage has its own errors
        reason = _hide_secrets((str(error) or type(error).__name__).splitlines()[0], url)
        if isinstance(error, ImportError):
            raise DatasetError(
                f"{shown}: expected the packages that read it, found some missing ({reason}); pip install 'mvd[cloud]'"
            ) from error
        raise DatasetError(
            f"{shown}: expected to copy it to {folder}, could not ({reason}); check the address, the credentials and "
            f"the space on the disk, and start again: what is copied is kept"
        ) from error


def without_credentials(text: str) -> str:
    """Remove user, password and query from the addresses in a text.

    >>> without_credentials("--data_url=ftp://me:secret@host/sysu --pretrain https://host/r.pth?token=1")
    '--data_url=ftp://host/sysu --pretrain https://host/r.pth'
    """
    return _QUERY.sub(r"\1", _USER.sub("", text))


def _hide_secrets(text: str, url: str) -> str:
    """Remove the credentials of an address from an error, which may contain them without the address."""
    user = _USER.search(url)
    query = url.partition("?")[2]
    secrets = [
        query,
        *(value for _, value in parse_qsl(query)),
        *(user[0].rstrip("@").partition(":")[::2] if user else ()),
    ]
    for secret in sorted({*secrets, *map(unquote, secrets)}, key=len, reverse=True):
        if len(secret) > 2:
            text = text.replace(secret, "…")
    return without_credentials(text)


def _cache() -> Path:
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mvd"
    except RuntimeError as error:
        raise DatasetError(
            "HOME: expected a home folder to copy data to, found none; set HOME or XDG_CACHE_HOME"
        ) from error


def _copy(url: str, folder: Path, progress: Progress) -> Path:
    from fsspec.core import url_to_fs

    filesystem, root = url_to_fs(url.replace("obs://", "s3://", 1), **(_obs(url) if url.startswith("obs://") else {}))
    sources = _list(filesystem, root, url)
    if not sources:
        raise DatasetError(
            f"{without_credentials(url)}: expected a folder or a file to copy, found nothing; check the address"
        )
    names = {path: path.removeprefix(root).lstrip("/") or _last_part(path) for path in sources}
    copies = {path: folder / name for path, name in names.items()}
    if outside := [path for path, copy in copies.items() if not real_path(copy).is_relative_to(real_path(folder))]:
        raise DatasetError(
            f"{without_credentials(outside[0])}: expected a name below {without_credentials(root)}, found one that "
            f"leads out of it; rename it"
        )
    record = folder.with_name(f"{folder.name}.json")
    earlier = _read_record(record)
    kept = {
        path
        for path, copy in copies.items()
        if earlier.get(names[path]) == sources[path] and _is_whole(copy, sources[path])
    }
    progress(len(kept), len(copies))
    there = set(earlier) if record.is_file() else _files_below(folder)
    gone = there - set(names.values())
    if gone or len(kept) < len(copies):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with name_locked(folder):
            changed = {copy for path, copy in copies.items() if path not in kept}
            _remove(folder, {*(folder / name for name in gone), *changed}, keep=set(copies.values()))
            # Written before the copies: after an interruption, files are missing or too short, but an old file never
            # counts as new.
            write_atomically(record, json.dumps({names[path]: source for path, source in sources.items()}, indent=1))
            _transfer(filesystem, {path: copy for path, copy in copies.items() if path not in kept}, sources, progress)
    return copies.get(root, folder)


def _transfer(filesystem: Any, copies: Mapping[str, Path], sources: Mapping[str, _Source], progress: Progress) -> None:
    from fsspec import Callback

    done = len(sources) - len(copies)
    for parent in {copy.parent for copy in copies.values()}:
        parent.mkdir(parents=True, exist_ok=True)
    if copies:
        report = Callback(
            hooks={"files": lambda _, copied, **__: progress(done + copied, len(sources)) if copied else 0}
        )
        filesystem.get([*copies], [str(copy) for copy in copies.values()], callback=report)
    for path, copy in copies.items():
        if not _is_whole(copy, sources[path]):
            arrived = copy.stat().st_size
            copy.unlink()
            raise DatasetError(
                f"{without_credentials(path)}: expected {sources[path].size} bytes, {arrived} arrived; start again"
            )


def _list(filesystem: Any, root: str, url: str) -> dict[str, _Source]:
    """List the files below an address, or the single file at the address."""
    web = url.startswith(("http://", "https://"))
    # A web server has no folders, only their pages; requesting the page of a file would download it.
    file = not url.partition("?")[0].endswith("/") if web else _is_file(filesystem, root)
    found: dict[str, Any] = {root: {}} if file else filesystem.find(root, detail=True)
    sources = {}
    for path, listed in found.items():
        if web and not file and "?" in path.removeprefix(root):  # links that sort the page of a folder
            continue
        about = listed if listed.get("size") is not None else filesystem.info(path)
        version = {name: str(about[name]) for name in _VERSION if about.get(name) is not None}
        sources[path] = _Source(about.get("size"), version)
    return sources


def _is_file(filesystem: Any, root: str) -> bool:
    try:
        return bool(filesystem.info(root)["type"] == "file")
    except FileNotFoundError:
        return False


def _is_whole(copy: Path, source: _Source) -> bool:
    return copy.is_file() and source.size in (None, copy.stat().st_size)


def _last_part(path: str) -> str:
    return path.partition("?")[0].rstrip("/").rpartition("/")[2]


def _read_record(file: Path) -> dict[str, _Source]:
    try:
        return {name: _Source(*source) for name, source in parse_json(file.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _files_below(folder: Path) -> set[str]:
    """List the files of a copy without a record, as made by 0.2; arrays prepared in it are not included."""
    files = (
        file for file in folder.rglob("*") if file.is_file() and not file.match(_ARRAYS) and not is_temporary(file)
    )
    return {str(file.relative_to(folder)) for file in files}


def _remove(folder: Path, files: set[Path], *, keep: set[Path]) -> None:
    """Remove files that have changed or are gone, folders that become empty, and arrays prepared from the files."""
    existing = [file for file in files if file.is_file() and real_path(file).is_relative_to(real_path(folder))]
    if existing:
        existing += [file for file in folder.rglob(_ARRAYS) if file not in keep]
    for file in existing:
        file.unlink(missing_ok=True)
    for parent in sorted({file.parent for file in existing}, key=lambda path: len(path.parts), reverse=True):
        while parent != folder and parent.is_dir() and not any(parent.iterdir()):
            parent.rmdir()
            parent = parent.parent  # noqa: PLW2901


def _obs(url: str) -> dict[str, Any]:
    endpoint = os.environ.get("S3_ENDPOINT")
    if not endpoint:
        raise DatasetError(
            f"{without_credentials(url)}: expected the address of OBS in S3_ENDPOINT, such as "
            f"https://obs.cn-north-4.myhuaweicloud.com, found none; set it, and AWS_ACCESS_KEY_ID and "
            f"AWS_SECRET_ACCESS_KEY"
        )
    # OBS expects the bucket in the host name.
    return {"endpoint_url": endpoint, "config_kwargs": {"s3": {"addressing_style": "virtual"}}}
