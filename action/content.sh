#!/usr/bin/env bash
# Prints a hash of all that the image is built from.
set -euo pipefail
cd "$(dirname "$0")/.."
find Dockerfile .dockerignore entrypoint.py ml_ci examples/quickstart requirements/run.txt \
    scripts/only.sh scripts/trim.sh scripts/warm.py -type f ! -path '*/__pycache__/*' -print0 |
    LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c1-16
