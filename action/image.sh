#!/usr/bin/env bash
# Makes sure of an image to run, and prints its name: the input `image`, else this version's own, pulled if it was
# built from just this content, else built here.
set -euo pipefail
action=$(cd "$(dirname "$0")/.." && pwd)

say() { echo "$*" >&2; }

# fail WHAT WHAT-TO-DO LOG: exit code 4, as for all that fails outside. A full disk is the reason that people can mend.
fail() {
    local why=$1 what=$2
    tail -40 "$3" >&2
    if grep -qi 'no space left on device' "$3"; then
        why+=", since the Docker engine's disk is full"
        what="free space on it, for example with 'docker system prune', or set runtime to host"
    fi
    say "::error title=ml-ci::$why: $what."
    [ -z "${GITHUB_OUTPUT:-}" ] || echo "verdict=error" >>"$GITHUB_OUTPUT"
    exit 4
}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

has() { docker image inspect "$1" >/dev/null 2>&1; }

if [ -n "${INPUT_IMAGE:-}" ]; then
    # the name may be a moving tag, so what is here already is only the second choice
    if ! docker pull --quiet "$INPUT_IMAGE" >"$log" 2>&1 && ! has "$INPUT_IMAGE"; then
        fail "The image '$INPUT_IMAGE' can be neither pulled nor found here" \
            "check the input image, and log in to its registry in an earlier step" "$log"
    fi
    echo "$INPUT_IMAGE"
    exit
fi

content=$("$action/action/content.sh")
built=ml-ci-built:$content
if has "$built"; then
    echo "$built"
    exit
fi

# a release writes the digest beside this script, because a tag alone can be moved
released=${ML_CI_IMAGE:-}
released=${released,,}
if [ -n "$released" ] && [ -s "$action/action/image-digest" ]; then
    released=${released%:*}@$(<"$action/action/image-digest")
fi
if [ -n "$released" ]; then
    if has "$released" || docker pull --quiet "$released" >/dev/null 2>&1; then
        if [ "$(docker image inspect --format '{{index .Config.Labels "ml-ci.content"}}' "$released")" = "$content" ]; then
            echo "$released"
            exit
        fi
        say "$released was built from other files than this action has, so the image is built here."
    else
        say "$released cannot be pulled, so the image is built here."
    fi
fi

if ! docker build --network host --label "ml-ci.content=$content" --tag "$built" "$action" >"$log" 2>&1; then
    fail "The image could not be built" "the end of the build's log is above; with runtime set to host none is needed" "$log"
fi
echo "$built"
