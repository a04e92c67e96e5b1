#!/usr/bin/env bash
# Runs the job where choose-runtime.sh decided.
set -euo pipefail

# what is worth keeping between jobs; the action's cache step saves it
export ML_CI_CACHE=$HOME/.cache/ml-ci
export UV_CACHE_DIR=${UV_CACHE_DIR:-$ML_CI_CACHE/uv}
mkdir -p "$ML_CI_CACHE" "$UV_CACHE_DIR" "$RUNNER_TEMP/ml-ci"

exec bash "$GITHUB_ACTION_PATH/action/$ML_CI_RUNTIME.sh"
