#!/usr/bin/env bash
# Runs the tests with all that they need: run.sh [PYTEST ARGUMENTS]
set -euo pipefail
cd "$(dirname "$0")/.."

tests/setup_machine.sh
if ! docker info >/dev/null 2>&1; then
    if [ ! -x ../shared/engine/start ]; then
        echo "make test needs a Docker engine, because the container is tested for real, and 'docker info' does not" \
            "answer. Start one (on Debian: sudo apt-get install docker.io), or leave those tests out:" \
            "make test ARGS='-m \"not container\"'" >&2
        exit 1
    fi
    settings=$(../shared/engine/start)
    eval "$settings"
fi
exec .venv/bin/python -m pytest "$@"
