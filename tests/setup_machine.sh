#!/usr/bin/env bash
# Programs that the tests use and that are no Python packages. Cheap where they are there.
set -euo pipefail

missing=()
command -v git >/dev/null || missing+=(git)
command -v make >/dev/null || missing+=(make)
command -v chromium >/dev/null || missing+=(chromium)
((${#missing[@]})) || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "make test needs ${missing[*]}. On Debian or Ubuntu: sudo apt-get install ${missing[*]}" >&2
    exit 1
fi
echo "make test: installing ${missing[*]}" >&2
{ apt-get update -q && apt-get install -qy --no-install-recommends "${missing[@]}"; } >/dev/null
