"""Tables from files of Arrow (.arrow, .feather), by pyarrow and pandas."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from .._printing import one_line
from ..gate.errors import InvalidInput
from .columns import Select
from .frames import read_pandas, to_pandas
from .raw import Raw
from .size import check_unpacked_size

if TYPE_CHECKING:
    from pathlib import Path

# A file is this, filled up to eight bytes, then a stream of messages, then an index, which is not used here.
_MAGIC = b"ARROW1\0\0"
_RECORD_BATCH, _DICTIONARY_BATCH = "record batch", "dictionary"


def read_arrow(file: Path, select: Select) -> Raw:
    """Read the columns that ``select`` chooses from a file or a stream of Arrow."""
    try:
        import pandas  # noqa: F401  which is how pyarrow needs it
        import pyarrow as pa
        import pyarrow.ipc
    except ImportError as error:
        raise ImportError(
            f"reading Arrow and Feather needs pandas and pyarrow ({error}); install them with "
            "pip install 'knn-cert[parquet]', or save the table as CSV"
        ) from error
    try:
        with pa.memory_map(str(file)) as mapped:
            content = mapped.read_buffer()
            if content[:4].to_pybytes() == b"FEA1":
                raise InvalidInput(
                    "expected Feather of version 2, got version 1; write it again (pandas: to_feather), or "
                    "save it as CSV"
                )
            content = _messages_in(content)
            check_unpacked_size(_unpacked_size(pa, content), file)
            with pa.ipc.open_stream(content) as stream:
                frame = to_pandas(stream.read_all())
    except InvalidInput:
        raise
    except Exception as error:  # pyarrow names no closed set of errors for a damaged file
        raise InvalidInput(
            f"expected a whole Arrow file, got one that cannot be read: {one_line(error)}"
        ) from error
    return read_pandas(frame, select)


def bytes_of_arrow(file: Path) -> int:
    """Return how many bytes the columns of a file take once unpacked; the size of what is no such file."""
    try:
        import pyarrow as pa
        import pyarrow.ipc

        with pa.memory_map(str(file)) as mapped:
            return _unpacked_size(pa, _messages_in(mapped.read_buffer()))
    except Exception:  # its reader says what is wrong
        return file.stat().st_size


def _messages_in(content: Any) -> Any:
    """Return the stream of messages in a file of Arrow."""
    return content[len(_MAGIC) :] if content[: len(_MAGIC)].to_pybytes() == _MAGIC else content


def _unpacked_size(pa: Any, content: Any) -> int:
    """Return how many bytes the columns take once unpacked; nothing is unpacked.

    A compressed buffer begins with its size. Where the buffers lie is written in front of each batch, in
    the format of FlatBuffers (Message.fbs of Arrow). Pandas takes eight bytes for every value at least.
    """
    n_bytes = 0
    messages = pa.ipc.MessageReader.open_stream(content)
    n_columns = 1
    while True:
        try:
            message = messages.read_next_message()
        except StopIteration:
            return n_bytes
        if message.type == "schema":
            n_columns = len(pa.ipc.read_schema(message).names)
            continue
        if message.type not in (_RECORD_BATCH, _DICTIONARY_BATCH):
            continue
        table = message.metadata.to_pybytes()
        batch = _follow(table, _field(table, _follow(table, 0), 2))
        is_dictionary = message.type == _DICTIONARY_BATCH
        if is_dictionary:
            batch = _follow(table, _field(table, batch, 1))
        length = _field(table, batch, 0)
        n_rows = struct.unpack_from("<q", table, length)[0] if length else 0
        n_bytes += 8 * n_rows * (1 if is_dictionary else n_columns)
        if _field(table, batch, 3):  # compressed
            n_bytes += _sizes_of_buffers(table, _follow(table, _field(table, batch, 2)), message.body)


def _sizes_of_buffers(table: bytes, vector: int, body: Any) -> int:
    n_bytes = 0
    for k in range(struct.unpack_from("<I", table, vector)[0]):
        offset, length = struct.unpack_from("<qq", table, vector + 4 + 16 * k)
        if length >= 8:
            size = struct.unpack("<q", body[offset : offset + 8].to_pybytes())[0]
            n_bytes += length if size < 0 else size  # -1: not compressed after all
    return n_bytes


def _follow(table: bytes, place: int) -> int:
    """Return where the offset at a place leads to."""
    return place + int(struct.unpack_from("<I", table, place)[0])


def _field(table: bytes, place: int, number: int) -> int:
    """Return where a field of a table of FlatBuffers stands, or 0 if it has its default."""
    index = place - int(struct.unpack_from("<i", table, place)[0])
    n_bytes = int(struct.unpack_from("<H", table, index)[0])
    if 4 + 2 * number >= n_bytes:
        return 0
    offset = int(struct.unpack_from("<H", table, index + 4 + 2 * number)[0])
    return place + offset if offset else 0
