"""What the values of a predictions file are, told by how they are written and not by the kind of file.

`1`, `1.0` and the text `"1"` are one id and one target, so that the same examples have the same digest whether they
were written as CSV or as Parquet, and whether or not pandas made floats of whole numbers on the way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from ml_ci.predictions import Labels

LARGEST_TEXT = 2_000_000_000
"""Bytes of a column of text in memory, where NumPy gives every value the room of the longest one."""
WHOLE_FLOATS = 2**53
"""Up to here a float holds every whole number."""

_WHOLE = r"^-?(0|[1-9][0-9]*)$"
_NUMBER = r"^[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?$"
_LENIENT_NUMBER = r"^([-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?|(?i:[-+]?(nan|inf|infinity)))$"
_NO_VALUE = r"^(?i:na|n/a|#n/a|<na>|null|none|nat)$"
_NUMBER_OR_NONE = f"{_NUMBER}|^(?i:[-+]?(nan|inf|infinity))$|{_NO_VALUE}"
_WITH_DIGIT = "[0-9]"
_FEW = 1000
_TRUE = ("true", "True", "TRUE")
_FALSE = ("false", "False", "FALSE")

_CONVERSIONS = {
    "is_boolean": (),
    "is_integer": ("int64",),
    "is_float64": (),
    "is_floating": ("float32", "string", "float64"),
    "is_null": ("string",),
    "is_decimal": ("string",),
    "is_temporal": ("string",),
}
"""What a column of each kind of type becomes, step by step; the first that suits counts."""


class NotPlainError(Exception):
    """A column holds no plain values. The message goes on from the column's name."""


def plain(column: pa.ChunkedArray) -> pa.Array:
    """The column as one array of int64, float64, bool or text; null where it has no value, as has empty text.

    White space around text is no part of it. Floats of less than 64 bits become the number that they are written as:
    0.1 and not 0.10000000149. Dates and decimals become text. Raises NotPlainError for nested values, for bytes, and
    for text that is not UTF-8 or too long to be held in memory.
    """
    import pyarrow as pa

    try:
        return _plain(_combined(column))
    except pa.ArrowException as error:
        raise NotPlainError(f"cannot be read ({str(error).splitlines()[0].rstrip('.')})") from error


def _combined(column: pa.ChunkedArray) -> pa.Array:
    import pyarrow as pa

    whole = column.combine_chunks()
    return pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole


def _plain(array: pa.Array) -> pa.Array:
    import pyarrow as pa

    kind, is_ = array.type, pa.types
    if is_.is_dictionary(kind):
        if _is_text(kind.value_type):
            _check_room(array.dictionary, len(array))
        return _plain(array.dictionary_decode())
    if _is_text(kind):
        text = array.cast(pa.string())
        text.validate(full=True)
        _check_room(text, len(text))
        return _trimmed(text)
    for suits, steps in _CONVERSIONS.items():
        if getattr(is_, suits)(kind):
            return _through(array, steps)
    what = "nested values" if is_.is_nested(kind) else f"values of the type {kind}"
    raise NotPlainError(f"holds {what}, where each row must have one number or text")


def _through(array: pa.Array, steps: tuple[str, ...]) -> pa.Array:
    """The array cast to each type in turn; to text instead where a whole number does not fit into 64 bits."""
    import pyarrow as pa

    for step in steps:
        try:
            array = array.cast(step)
        except pa.ArrowInvalid:
            return array.cast(pa.string())
    return array


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    is_ = pa.types
    return bool(
        is_.is_string(kind) or is_.is_large_string(kind) or is_.is_string_view(kind)
        or is_.is_binary(kind) or is_.is_large_binary(kind)
    )  # fmt: skip


def _check_room(text: pa.Array, rows: int) -> None:
    import pyarrow.compute as pc

    longest = pc.max(pc.binary_length(text)).as_py() or 0
    # one character has up to 4 bytes both in UTF-8 and in NumPy's text
    if longest * rows * 4 > LARGEST_TEXT:
        raise NotPlainError(
            f"has texts of up to {longest:,} bytes, which in {rows:,} rows are more than fits in memory; write shorter ones"
        )


def _trimmed(text: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pc.any(pc.match_substring_regex(text, r"^\s|\s$|\x00")).as_py():
        if pc.any(pc.match_substring(text, "\0")).as_py():
            raise NotPlainError("holds a zero byte, which is no text")
        text = pc.utf8_trim_whitespace(text)
    if pc.min(pc.binary_length(text)).as_py() == 0:
        text = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    return text


def typed(array: pa.Array) -> pa.Array:
    """Text as what it says: whole numbers, numbers, true and false; it stays text unless all of it says the same.

    Among numbers, `nan`, `inf` and words for no value (`NA`, `null`) become NaN and infinities. What is no text is
    returned as it is. Whole numbers beyond 64 bits and those with a zero in front (`007`) stay text.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_string(array.type):
        return array
    if _all_match(array, _WHOLE):
        return _through(array, ("int64",))
    if _is_boolean(array):
        return pc.is_in(array, pa.array(_TRUE))
    if _all_match(array, _NUMBER):
        return array.cast(pa.float64())
    if _all_match(array, _NUMBER_OR_NONE) and pc.any(pc.match_substring_regex(array, _WITH_DIGIT)).as_py():
        return pc.if_else(pc.match_substring_regex(array, _NO_VALUE), "nan", array).cast(pa.float64())
    return array


def _all_match(array: pa.Array, pattern: str) -> bool:
    """Whether each value that is there matches; the first few are asked first, for mostly they tell."""
    import pyarrow.compute as pc

    return all(bool(pc.all(pc.match_substring_regex(part, pattern)).as_py()) for part in (array.slice(0, _FEW), array))


def _is_boolean(array: pa.Array) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    words = pa.array([*_TRUE, *_FALSE])
    return all(bool(pc.all(pc.is_in(part, words)).as_py()) for part in (array.slice(0, _FEW), array))


def narrowed(array: pa.Array) -> pa.Array:
    """What `typed` gives, with true and false as 1 and 0, and floats that are all whole as whole numbers."""
    import numpy as np
    import pyarrow as pa

    found = typed(array)
    if pa.types.is_boolean(found.type):
        return found.cast(pa.int64())
    if pa.types.is_float64(found.type):
        numbers = found.to_numpy(zero_copy_only=False)
        if bool(np.all((np.trunc(numbers) == numbers) & (np.abs(numbers) <= WHOLE_FLOATS))):
            return pa.array(numbers.astype(np.int64))
    return found


def name_like(array: pa.Array) -> pa.Array:
    """The values as names of examples or groups: whole numbers as int64, all else as text."""
    import pyarrow as pa

    found = typed(array)
    if pa.types.is_float64(found.type):
        found = narrowed(found)
    return found if pa.types.is_integer(found.type) else found.cast(pa.string())


def slice_names(array: pa.Array) -> pa.Array:
    """The values as names of slices: text, which is empty where there is no value."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_float64(array.type):
        array = pc.if_else(pc.is_nan(array), pa.scalar(None, pa.float64()), array)
    # by its different values, of which there are few
    encoded = array.dictionary_encode()
    names = name_like(encoded.dictionary).cast(pa.string())
    return pa.DictionaryArray.from_arrays(encoded.indices, names).dictionary_decode().fill_null("")


def labels_alike(target: pa.Array, prediction: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Both columns of labels, typed; where one of them can only be text, both are, as they were written.

    So a class that is never predicted (`0`, `1`, `other` against `0`, `1`) does not make numbers of the predictions.
    """
    import pyarrow as pa

    found = typed(target), typed(prediction)
    if sum(pa.types.is_string(each.type) for each in found) == 1:
        return target.cast(pa.string()), prediction.cast(pa.string())
    return found


def numbers(array: pa.Array) -> tuple[pa.Array, NDArray[np.bool_]]:
    """The values as float64, and which of them are no numbers at all; true and false are 1 and 0."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    none = np.zeros(len(array), dtype=np.bool_)
    if pa.types.is_string(array.type):
        if not _is_boolean(array):
            good = pc.match_substring_regex(array, _LENIENT_NUMBER)
            return pc.if_else(good, array, "nan").cast(pa.float64()), ~good.to_numpy(zero_copy_only=False)
        array = typed(array)
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.int64())
    return array.cast(pa.float64(), safe=False), none


def as_numpy(array: pa.Array) -> Labels:
    """The array, which has no nulls, as NumPy's; text as NumPy's own and not as objects."""
    import numpy as np
    import pyarrow as pa

    if not pa.types.is_string(array.type):
        found: Labels = array.to_numpy(zero_copy_only=False)
        return found
    if len(array.slice(0, _FEW).unique()) > _FEW / 2:
        texts: Labels = array.to_numpy(zero_copy_only=False).astype(np.str_)
        return texts
    # by its different values where there are few: a million objects take a while to make
    encoded = array.dictionary_encode()
    words = encoded.dictionary.to_numpy(zero_copy_only=False).astype(np.str_)
    few_texts: Labels = words[encoded.indices.to_numpy()]
    return few_texts


def rising(array: pa.Array) -> bool:
    """Whether each value is larger than the one before it; text is ordered by its code points."""
    import pyarrow.compute as pc

    return len(array) < 2 or bool(pc.all(pc.less(array.slice(0, len(array) - 1), array.slice(1))).as_py())


def as_arrow(array: Labels) -> pa.Array:
    """The opposite of `as_numpy`."""
    import pyarrow as pa

    found = pa.array(array, pa.string()) if array.dtype.kind == "U" else pa.array(array)
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
