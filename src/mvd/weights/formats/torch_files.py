"""PyTorch's files (.pth, .pt, .pth.tar): read without PyTorch, written by PyTorch.

`torch.load(weights_only=True)` is not sufficient: it executed code from a file up to PyTorch 2.5 (CVE-2025-32434) and
wrote out of bounds up to 2.9 (CVE-2026-24747), versions that this package supports; it allocates the sizes that a file
declares; and it refuses a file with a NumPy number or an `argparse.Namespace` beside the weights, which many
checkpoints of this field have. The format is small and published:

- since PyTorch 1.6, an uncompressed zip archive: `data.pkl`, and a record `data/<key>` for each storage;
- before, five consecutive pickles (a magic number, the version, the machine, the object, the keys of the storages),
  followed, for each key, by the number of elements and the elements.

In the pickles, a tensor is a call of `torch._utils._rebuild_tensor_v2` with a storage, an offset, a shape and strides,
in elements. `mvd.weights.formats.pickles` reads them without importing or calling anything.

Files are written by `torch.save`.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import IO, Any, NamedTuple

import numpy as np

from mvd.errors import CheckpointError
from mvd.weights.formats.arrays import (
    BFLOAT16,
    Array,
    Arrays,
    RefusedError,
    copy_out,
    count_elements,
    quote,
    refuse_tensor,
    require_few,
)
from mvd.weights.formats.pickles import Allowance, Name, Unknown, read_pickle
from mvd.weights.formats.torch_archive import is_zip, open_archive

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_LEGACY_START = b"\x80\x02\x8a\x0a" + _MAGIC.to_bytes(10, "little")

_DTYPES: Mapping[str, np.dtype[Any]] = {
    "torch.DoubleStorage": np.dtype("<f8"),
    "torch.FloatStorage": np.dtype("<f4"),
    "torch.HalfStorage": np.dtype("<f2"),
    "torch.BFloat16Storage": BFLOAT16,
    "torch.LongStorage": np.dtype("<i8"),
    "torch.IntStorage": np.dtype("<i4"),
    "torch.ShortStorage": np.dtype("<i2"),
    "torch.CharStorage": np.dtype("i1"),
    "torch.ByteStorage": np.dtype("u1"),
    "torch.BoolStorage": np.dtype("?"),
    "torch.storage.UntypedStorage": np.dtype("u1"),
    "torch.uint16": np.dtype("<u2"),
    "torch.uint32": np.dtype("<u4"),
    "torch.uint64": np.dtype("<u8"),
}
"""Types by the names of their storages, or by their own names if they have no storage class."""

_LONGEST_PICKLE = 2**20
_MOST_OPERATIONS = 100_000
_WRAPPERS = ("state_dict", "model_state_dict", "model", "net")
_DEEPEST_WRAPPER = 3
_PARALLEL = "module."
_SAVE_STATE_DICT = "open it where it was made, and save model.state_dict() alone"


class _Storage(NamedTuple):
    """The elements that tensors view: key in the file, type and number."""

    key: str
    dtype: np.dtype[Any]
    length: int


class _Unread(NamedTuple):
    """A tensor of an unsupported kind."""

    kind: str


class _Tensor(NamedTuple):
    """A tensor as described by the pickle, unchecked."""

    storage: _Storage
    dtype: np.dtype[Any]
    offset: Any
    shape: Any
    strides: Any


def is_torch(data: bytes) -> bool:
    """Return whether a file starts like a file of `torch.save`."""
    return is_zip(data) or data.startswith(_LEGACY_START)


def decode(data: bytes) -> Arrays:
    """Read the weights in a file of `torch.save` as arrays by name; bfloat16 as float32.

    The file contains a state dict, or a dictionary with one under "state_dict", "model_state_dict", "model" or "net".
    The prefix "module." that data-parallel training adds to all names is removed.

    Raises:
        RefusedError: the file is damaged, or contains no state dict.
    """
    saved, storages = _read_zip(data) if is_zip(data) else _read_legacy(data)
    tensors = _state_dict(saved)
    require_few(len(tensors), len(data), "tensors")
    prefix = _PARALLEL if all(name.startswith(_PARALLEL) for name in tensors) else ""
    left = 3 * len(data)
    arrays: Arrays = {}
    for name, tensor in tensors.items():
        array = _array(name, tensor, storages.get(tensor.storage.key), left)
        left -= array.nbytes
        arrays[name.removeprefix(prefix)] = array
    return arrays


def encode(arrays: Mapping[str, Array], file: IO[bytes]) -> None:
    """Write arrays as a state dict, with `torch.save`.

    Raises:
        CheckpointError: an array has a type that PyTorch does not have.
    """
    import torch

    state = {}
    for name, array in arrays.items():
        try:
            state[name] = torch.from_numpy(np.array(array, dtype=array.dtype.newbyteorder("="), order="C"))
        except TypeError as error:
            raise CheckpointError(
                f"{name}: expected a tensor that PyTorch can hold, found one of type {array.dtype}; leave it out"
            ) from error
    torch.save(state, file)


def _read_zip(data: bytes) -> tuple[object, dict[str, memoryview]]:
    archive = open_archive(data)
    pickled = archive["data.pkl"]
    if len(pickled) > _pickle_limit(data):
        raise RefusedError(f"a pickle of {len(pickled)} bytes in a file of {len(data)}")
    saved = read_pickle(io.BytesIO(pickled), _allowance(data), _call, _storage)
    prefix = "data/"
    return saved, {name.removeprefix(prefix): part for name, part in archive.items() if name.startswith(prefix)}


def _read_legacy(data: bytes) -> tuple[object, dict[str, memoryview]]:
    stream = io.BytesIO(data[: _pickle_limit(data)])
    allowance = _allowance(data)
    declared: dict[str, _Storage] = {}

    def storage(persistent_id: object) -> object:
        found = _storage(persistent_id)
        if isinstance(found, _Storage):
            declared[found.key] = found
        return found

    def following() -> Any:
        return read_pickle(stream, allowance, _call, storage)

    magic, protocol, machine, saved, keys = (following() for _ in range(5))
    if (magic, protocol) != (_MAGIC, _PROTOCOL) or not isinstance(machine, dict) or not isinstance(keys, list):
        raise RefusedError("a file of torch.save of an unknown version")
    if machine.get("little_endian") is not True:
        raise RefusedError("weights of a big-endian machine", "save them on another one")
    storages: dict[str, memoryview] = {}
    rest = memoryview(data)[stream.tell() :]
    for key in keys:
        if not isinstance(key, str) or key not in declared or key in storages:
            raise RefusedError("a list of storages that does not fit the tensors")
        length = declared[key].length * declared[key].dtype.itemsize
        if int.from_bytes(rest[:8], "little") != declared[key].length or length > len(rest) - 8:
            raise RefusedError(f"{len(rest)} bytes left for a storage of {declared[key].length} numbers")
        storages[key] = rest[8 : 8 + length]
        rest = rest[8 + length :]
    return saved, storages


def _pickle_limit(data: bytes) -> int:
    """Return the limit on the size of pickles: their text needs up to four times the memory, and has no weights."""
    return _LONGEST_PICKLE + len(data) // 4


def _allowance(data: bytes) -> Allowance:
    return Allowance(_MOST_OPERATIONS + len(data) // 64)


def _call(name: str, arguments: tuple[Any, ...]) -> object:
    """Return the results of the calls that build tensors."""
    module, _, function = name.rpartition(".")
    if module not in ("torch._utils", "torch._tensor") or not function.startswith("_rebuild_"):
        return Unknown(name)
    made: object = _Unread(name)
    match function, arguments:
        case "_rebuild_tensor_v3", (_Storage() as storage, offset, shape, strides, _, _, Name(full), *_):
            made = _Tensor(storage, _DTYPES[full], offset, shape, strides) if full in _DTYPES else _Unread(full)
        case "_rebuild_tensor_v2" | "_rebuild_tensor", (_Storage() as storage, offset, shape, strides, *_):
            made = _Tensor(storage, storage.dtype, offset, shape, strides)
        case "_rebuild_parameter" | "_rebuild_parameter_with_state", (_Tensor() | _Unread() as tensor, *_):
            made = tensor
        case "_rebuild_from_type_v2", (Name(full), _, tuple(inner), *_) if full.startswith("torch._utils."):
            made = _call(full, inner)
        case _, (_Unread() as storage, *_):
            made = storage
    return made


def _storage(persistent_id: object) -> object:
    """Read a persistent id. In the older format it ends with the view of the storage: None, the whole storage."""
    match persistent_id:
        case ("storage", Name(full), str(key), _, int(length), *view) if view in ([], [None]):
            if full not in _DTYPES:
                return _Unread(full)
            if not 0 <= length < 2**48:
                raise RefusedError("a storage of a size that no storage can have")
            return _Storage(key, _DTYPES[full], length)
    return Unknown("persistent id")


def _state_dict(saved: object) -> dict[str, _Tensor]:
    """Find the state dict in a saved object."""
    for _ in range(_DEEPEST_WRAPPER):
        inside = [saved[name] for name in _WRAPPERS if name in saved] if isinstance(saved, dict) else []
        candidates = [value for kind in (dict, Unknown) for value in inside if isinstance(value, kind)]
        if not candidates:
            break
        saved = candidates[0]
    if isinstance(saved, Unknown):
        raise RefusedError(f"a whole object of class {quote(saved.of)}, not its weights", _SAVE_STATE_DICT)
    entries = saved if isinstance(saved, dict) else {}
    for name, value in entries.items():
        if isinstance(value, _Unread):
            refuse_tensor(name, f"is of a kind that is not read here, {quote(value.kind)}")
    tensors = {name: value for name, value in entries.items() if isinstance(value, _Tensor)}
    if not tensors:
        held = f"a dictionary of {', '.join(map(quote, list(entries)[:5]))}" if entries else "no dictionary of tensors"
        raise RefusedError(f"no weights but {held}", _SAVE_STATE_DICT)
    return tensors


def _array(name: str, tensor: _Tensor, content: memoryview | None, most: int) -> Array:
    """Copy a tensor out of its storage as an array in C order, of at most `most` bytes."""
    shape, strides, offset = tensor.shape, tensor.strides, tensor.offset
    if content is None:
        refuse_tensor(name, "has no numbers in the file")
    if not isinstance(shape, tuple) or not isinstance(strides, tuple) or len(shape) != len(strides):
        refuse_tensor(name, "has a shape that no tensor can have")
    count = count_elements(name, shape)
    widened = 4 if tensor.dtype == BFLOAT16 else tensor.dtype.itemsize
    if count * widened > most:
        refuse_tensor(name, "is larger than the file")
    if not count:
        return np.zeros(shape, np.float32 if tensor.dtype == BFLOAT16 else tensor.dtype)
    if any(type(step) is not int or step < 0 for step in (*strides, offset)):
        refuse_tensor(name, "has strides that no tensor can have")
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    itemsize = tensor.dtype.itemsize
    if (last + 1) * itemsize > len(content) or tensor.storage.length * tensor.storage.dtype.itemsize != len(content):
        refuse_tensor(name, f"does not fit into the {len(content)} bytes that the file has of it")
    numbers = np.frombuffer(content[offset * itemsize : (last + 1) * itemsize], tensor.dtype)
    steps = tuple(step * itemsize for step in strides)
    return copy_out(name, np.lib.stride_tricks.as_strided(numbers, shape, steps, writeable=False))
