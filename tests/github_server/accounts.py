"""Who calls, and what they may do."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from zlib import crc32

Kind = Literal["Bot", "User"]
Level = Literal["none", "read", "write"]
PERMISSIONS = ("actions", "checks", "contents", "issues", "metadata", "pull_requests", "statuses")
ALL: Mapping[str, Level] = dict.fromkeys(PERMISSIONS, "write")
ACTIONS_BOT = "github-actions[bot]"


@dataclass(frozen=True)
class Account:
    """An author: `github-actions[bot]` is a Bot, people are Users."""

    login: str
    kind: Kind = "User"

    @property
    def id(self) -> int:
        """GitHub's own number for the Actions bot, a stable invented one for everybody else."""
        return 41898282 if self.login == ACTIONS_BOT else 1_000_000 + crc32(self.login.encode())


@dataclass
class Token:
    """What a token is worth.

    `permissions` withhold what they do not give: `{"checks": "read"}` reads checks and writes nothing. `valid=False` is an
    expired or mistyped token (401). `limit` is requests in an hour: 1,000 for a workflow's token.
    """

    login: str = ACTIONS_BOT
    kind: Kind = "Bot"
    permissions: Mapping[str, Level] = field(default_factory=lambda: dict(ALL))
    valid: bool = True
    limit: int = 1000
    used: int = 0
    reset: int = field(default_factory=lambda: int(time.time()) + 3600)

    @property
    def account(self) -> Account:
        return Account(self.login, self.kind)

    def may(self, permission: str, level: Level) -> bool:
        """Whether this token reads or writes; writing includes reading."""
        order = ("none", "read", "write")
        given = self.permissions.get(permission, "read")
        return order.index(given) >= order.index(level)

    def spend(self) -> bool:
        """Count one request against the hourly limit; False where there is none left."""
        now = int(time.time())
        if now >= self.reset:
            self.used, self.reset = 0, now + 3600
        if self.used >= self.limit:
            return False
        self.used += 1
        return True

    def rate(self) -> dict[str, int]:
        """As in the answer of `/rate_limit`; `reset` is in seconds since 1970."""
        return {"limit": self.limit, "used": self.used, "remaining": self.limit - self.used, "reset": self.reset}


ANONYMOUS = Token(login="", kind="User", permissions={}, limit=60)
