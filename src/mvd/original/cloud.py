"""Copies a data set, or a file of weights, from a cloud or another disk before a run, as the target Cloud does.

Every address that fsspec knows is taken: s3://, file://, hdfs:// … Huawei's obs:// speaks the protocol of S3 and is
reached through it, at the address that S3_ENDPOINT names. Copies stay in the user's cache. A copy that broke off goes
on with what is missing: a file counts as copied if its name and size are those of the original, and it has its name
only once it is whole.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from mvd.data.arrays import Progress
from mvd.errors import DatasetError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_THREADS = 16  # a data set is tens of thousands of small files, and each waits for an answer


def fetch(url: str, progress: Progress) -> Path:
    """Copy what an address stands for, a folder or a file, into the user's cache.

    Args:
        url: such as s3://bucket/sysu.
        progress: called with (files done, files in all).

    Returns:
        The copy: the folder or the file.

    Raises:
        DatasetError: a package is missing, the address cannot be reached or read, or the copy cannot be written.
    """
    folder = _cache() / _folder_name(url)
    try:
        filesystem, root = _open(url)
        sizes = {path: int(about["size"]) for path, about in filesystem.find(root, detail=True).items()}
        copies = {path: folder / _below(root, path) for path in sizes}
        _copy(filesystem, copies, sizes, progress)
    except DatasetError:
        raise
    except ImportError as error:
        raise DatasetError(
            f"{url}: expected the packages that read it, found some missing ({_first_line(error)}); "
            f"pip install 'mvd[cloud]'"
        ) from error
    except Exception as error:  # each kind of storage has its own
        raise DatasetError(
            f"{url}: expected to copy it to {folder}, could not ({_first_line(error)}); check the address, the "
            f"credentials and the room on the disk, and start again: what is copied is kept"
        ) from error
    if not copies:
        raise DatasetError(f"{url}: expected a folder or a file to copy, found nothing; check the address")
    return copies.get(root, folder)


def _open(url: str) -> tuple[AbstractFileSystem, str]:
    from fsspec.core import url_to_fs

    if not url.startswith("obs://"):
        filesystem, root = url_to_fs(url)
        return filesystem, root
    endpoint = os.environ.get("S3_ENDPOINT")
    if not endpoint:
        raise DatasetError(
            f"{url}: expected the address of OBS in S3_ENDPOINT, such as https://obs.cn-north-4.myhuaweicloud.com, "
            f"found none; set it, and AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    # OBS wants the bucket in the name of the host.
    style = {"s3": {"addressing_style": "virtual"}}
    filesystem, root = url_to_fs(f"s3://{url.removeprefix('obs://')}", endpoint_url=endpoint, config_kwargs=style)
    return filesystem, root


def _copy(
    filesystem: AbstractFileSystem, copies: Mapping[str, Path], sizes: Mapping[str, int], progress: Progress
) -> None:
    missing = [path for path, copy in copies.items() if not copy.is_file() or copy.stat().st_size != sizes[path]]
    done = len(copies) - len(missing)
    progress(done, len(copies))
    with ThreadPoolExecutor(_THREADS) as workers:
        jobs = [workers.submit(_copy_file, filesystem, path, copies[path], sizes[path]) for path in missing]
        try:
            for job in as_completed(jobs):
                job.result()
                done += 1
                progress(done, len(copies))
        finally:
            workers.shutdown(cancel_futures=True)


def _copy_file(filesystem: AbstractFileSystem, path: str, copy: Path, size: int) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    part = copy.with_name(f".{copy.name}.part")
    filesystem.get_file(path, str(part))
    if part.stat().st_size != size:
        raise DatasetError(f"{path}: expected {size} bytes, {part.stat().st_size} arrived; start again")
    part.replace(copy)


def _below(root: str, path: str) -> PurePosixPath:
    """Say where below the copy's folder a file belongs."""
    below = PurePosixPath(path).relative_to(root)
    if ".." in below.parts:
        raise DatasetError(f"{path}: expected a name below {root}, found one that leads out of it; rename it")
    return below if below.name else PurePosixPath(PurePosixPath(path).name)


def _folder_name(url: str) -> str:
    """Make a name that a reader recognises and no other address has."""
    return re.sub(r"[^\w.-]+", "_", url) + "-" + hashlib.sha256(url.encode()).hexdigest()[:8]


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mvd"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
