#!/usr/bin/env bash
# Decides between the container and the host, and writes the output `runtime`.
set -euo pipefail

# Exit code 2: wrong configuration.
wrong() {
    echo "::error title=ml-ci::$1"
    exit 2
}

case $INPUT_CACHE in
true | false) ;;
*) wrong "The input cache is '$INPUT_CACHE'; it must be true or false." ;;
esac

docker_answers() {
    command -v docker >/dev/null && docker info >/dev/null 2>&1
}

case $INPUT_RUNTIME in
host) runtime=host ;;
container)
    docker_answers || wrong "The input runtime is 'container', but no Docker engine answers here ('docker info' fails): start one, or set runtime to host."
    runtime=container
    ;;
auto)
    runtime=host
    # In a job container the runner puts the workspace at /__w, where the engine, on the machine outside, has nothing.
    if [ "$RUNNER_OS" = Linux ] && [[ $GITHUB_WORKSPACE != /__w/* ]] && docker_answers; then
        runtime=container
    fi
    ;;
*) wrong "The input runtime is '$INPUT_RUNTIME'; it must be auto, container or host." ;;
esac

echo "runtime=$runtime" >>"$GITHUB_OUTPUT"
