"""The digest by which two sides know that they were scored on the same examples."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from ml_ci.sources.prediction_values import narrowed

if TYPE_CHECKING:
    import pyarrow as pa


def examples_digest(ids: pa.Array, target: pa.Array | None) -> str:
    """SHA-256, as hexadecimal digits, of the ids, which are sorted, and of their targets where there are any.

    It is taken of a canonical form. Each column is its name, its kind and its length on one line, and then its values:
    whole numbers (also those that were written as `1.0`, as `true` or as text) as 64-bit integers, other numbers as
    64-bit floats, both little-endian and without a negative zero; text as the lengths in bytes of all values (32 bits),
    and then the values in UTF-8.
    """
    digest = sha256(b"ml-ci test set 1\n")
    for name, column in (("id", ids), ("target", target)):
        if column is not None:
            kind, parts = _canonical(narrowed(column))
            digest.update(f"{name} {kind} {len(column)}\n".encode())
            for part in parts:
                digest.update(part)
    return digest.hexdigest()


def _canonical(array: pa.Array) -> tuple[str, tuple[memoryview | bytes, ...]]:
    import numpy as np
    import pyarrow as pa

    if pa.types.is_string(array.type):
        _, offsets, characters = pa.concat_arrays([array]).buffers()  # which begin where the array does
        ends = np.frombuffer(offsets, dtype=np.int32, count=len(array) + 1)
        lengths = np.diff(ends).astype("<i4")
        return "text", (lengths.data, memoryview(characters)[: ends[-1]] if characters else b"")
    numbers = array.to_numpy(zero_copy_only=False)
    if pa.types.is_integer(array.type):
        return "whole", (numbers.astype("<i8").data,)
    return "number", ((numbers + 0.0).astype("<f8").data,)  # adding 0 makes -0.0 to 0.0
