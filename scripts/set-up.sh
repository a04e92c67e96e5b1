#!/usr/bin/env bash
# Makes the development environment: set-up.sh FOLDER
# Needs git and a Python of 3.11 or later. Everything comes from requirements/dev.txt, by version and hash.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$1

say() { echo "set-up: $*" >&2; }

# Prints the first interpreter that is new enough.
find_python() {
    local name
    for name in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 python3.14; do
        [ -n "$name" ] || continue
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    say "Python 3.11 or later is needed, and none of python3, python3.11, python3.12 or python3.13 is that new." \
        "Install one, or name it: make PYTHON=/path/to/python3"
    return 1
}

python=$(find_python)
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    # Debian and Ubuntu ship Python without it
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing python3-venv, which this Python lacks"
        { apt-get update -q && apt-get install -qy --no-install-recommends python3-venv; } >/dev/null
    else
        say "$python has no venv module. On Debian or Ubuntu: sudo apt-get install python3-venv"
        exit 1
    fi
fi

# uv does not read pip's settings; whoever has set an index for pip means it for this too
if [ -n "${PIP_INDEX_URL:-}" ]; then
    export UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-$PIP_INDEX_URL}
fi

say "making $venv with $("$python" --version)"
"$python" -m venv --clear "$venv"
scripts/only.sh uv <requirements/dev.txt >"$venv/uv.txt"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r "$venv/uv.txt"
"$venv/bin/uv" pip sync --quiet --python "$venv/bin/python" --require-hashes requirements/dev.txt
"$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation --editable .
