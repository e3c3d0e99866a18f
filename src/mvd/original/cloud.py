"""Copy a data set or a file of weights from any address that fsspec reads into the user's cache (the target Cloud).

Huawei's obs:// speaks the protocol of S3, at the address in S3_ENDPOINT. A copy that was interrupted continues: a file
counts as copied if its size is the original's.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mvd.errors import DatasetError


def fetch(url: str, progress: Callable[[int, int], None]) -> Path:
    """Copy the folder or the file at an address, such as s3://bucket/sysu, and return the copy.

    Args:
        url: the address.
        progress: called with (files done, files in all).

    Raises:
        DatasetError: a package is missing, the address cannot be read, or the copy cannot be written.
    """
    folder = _cache() / (re.sub(r"[^\w.-]+", "_", url) + "-" + hashlib.sha256(url.encode()).hexdigest()[:8])
    try:
        return _copy(url, folder, progress)
    except DatasetError:
        raise
    except Exception as error:  # each kind of storage has its own
        reason = (str(error) or type(error).__name__).splitlines()[0]
        if isinstance(error, ImportError):
            raise DatasetError(
                f"{url}: expected the packages that read it, found some missing ({reason}); pip install 'mvd[cloud]'"
            ) from error
        raise DatasetError(
            f"{url}: expected to copy it to {folder}, could not ({reason}); check the address, the credentials and the "
            f"space on the disk, and start again: what is copied is kept"
        ) from error


def _cache() -> Path:
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mvd"
    except RuntimeError as error:
        raise DatasetError(
            "HOME: expected a home folder to copy data to, found none; set HOME or XDG_CACHE_HOME"
        ) from error


def _copy(url: str, folder: Path, progress: Callable[[int, int], None]) -> Path:
    from fsspec import Callback
    from fsspec.core import url_to_fs

    filesystem, root = url_to_fs(url.replace("obs://", "s3://", 1), **(_obs(url) if url.startswith("obs://") else {}))
    sizes = {path: about["size"] for path, about in filesystem.find(root, detail=True).items()}
    if not sizes:
        raise DatasetError(f"{url}: expected a folder or a file to copy, found nothing; check the address")
    copies = {path: folder / (path.removeprefix(root).lstrip("/") or Path(path).name) for path in sizes}
    if outside := [path for path, copy in copies.items() if not copy.resolve().is_relative_to(folder.resolve())]:
        raise DatasetError(f"{outside[0]}: expected a name below {root}, found one that leads out of it; rename it")
    missing = [path for path, copy in copies.items() if not copy.is_file() or copy.stat().st_size != sizes[path]]
    done = len(copies) - len(missing)
    progress(done, len(copies))
    for parent in {copies[path].parent for path in missing}:
        parent.mkdir(parents=True, exist_ok=True)
    if missing:
        report = Callback(
            hooks={"files": lambda _, copied, **__: progress(done + copied, len(copies)) if copied else 0}
        )
        filesystem.get(missing, [str(copies[path]) for path in missing], callback=report)
    for path in missing:
        if (arrived := copies[path].stat().st_size) != sizes[path]:
            copies[path].unlink()
            raise DatasetError(f"{path}: expected {sizes[path]} bytes, {arrived} arrived; start again")
    return copies.get(root, folder)


def _obs(url: str) -> dict[str, Any]:
    endpoint = os.environ.get("S3_ENDPOINT")
    if not endpoint:
        raise DatasetError(
            f"{url}: expected the address of OBS in S3_ENDPOINT, such as https://obs.cn-north-4.myhuaweicloud.com, "
            f"found none; set it, and AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    # OBS expects the bucket in the name of the host.
    return {"endpoint_url": endpoint, "config_kwargs": {"s3": {"addressing_style": "virtual"}}}
