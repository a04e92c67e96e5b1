"""What a picture shows, in words for those who do not see it: no longer than anybody listens to."""

from __future__ import annotations

from collections.abc import Sequence

from ml_ci.report.escape import ATTRIBUTE


def listed(begin: str, parts: Sequence[str], end: str = "") -> str:
    """`begin`, the parts with `; ` between them, a full stop, `end`: as much as an attribute holds.

    Parts are left out from the last on, and counted. `begin` and `end` stay whole, and so does the first part.
    """
    for count in range(len(parts), 0, -1):
        left_out = len(parts) - count
        more = f"; and {left_out} more" if left_out else ""
        text = f"{begin}{'; '.join(parts[:count])}{more}.{end}"
        if len(text) <= ATTRIBUTE:
            break
    return text
