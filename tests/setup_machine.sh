#!/usr/bin/env bash
# Programs that the tests use and that are no Python packages. Cheap where they are there.
set -euo pipefail

missing=()
command -v git >/dev/null || missing+=(git)
command -v make >/dev/null || missing+=(make)
# the report is looked at as a reader's browser shows it
command -v chromium >/dev/null || missing+=(chromium)
# act computes hashFiles() with it
command -v node >/dev/null || missing+=(nodejs)
((${#missing[@]})) || exit 0

root=()
if [ "$(id -u)" != 0 ]; then
    root=(sudo --non-interactive)
fi
if ! command -v apt-get >/dev/null || ! "${root[@]}" true 2>/dev/null; then
    echo "make test needs ${missing[*]}. On Debian or Ubuntu: sudo apt-get install ${missing[*]}" >&2
    exit 1
fi
echo "make test: installing ${missing[*]}" >&2
{ "${root[@]}" apt-get update -q && "${root[@]}" apt-get install -qy --no-install-recommends "${missing[@]}"; } >/dev/null
