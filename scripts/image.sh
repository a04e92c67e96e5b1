#!/usr/bin/env bash
# Builds the image ml-ci:dev, and prints its size by layer.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! docker info >/dev/null 2>&1; then
    if [ ! -x ../shared/engine/start ]; then
        echo "make image needs a Docker engine, and 'docker info' does not answer." >&2
        exit 1
    fi
    settings=$(../shared/engine/start)
    eval "$settings"
fi
# the host's network: a package proxy may be on it
docker build --quiet --network host --tag ml-ci:dev . >&2
docker history --no-trunc --format '{{.Size}}\t{{.CreatedBy}}' ml-ci:dev |
    awk -F'\t' '$1 != "0B" { sub(/^\/bin\/sh -c /, "", $2); printf "%10s  %.100s\n", $1, $2 }'
docker image inspect --format '{{.Size}}' ml-ci:dev | awk '{ printf "%7.0f MB  in all\n", $1 / 1e6 }'
