#!/usr/bin/env bash
# Builds and pushes a release's image, and writes its name and digest to the step's outputs:
# release-image.sh ghcr.io/OWNER/REPOSITORY X.Y.Z
set -euo pipefail
cd "$(dirname "$0")/.."
name=$1 version=$2

base=$(sed -n 's/^ARG BASE=//p' Dockerfile)
docker pull --quiet "$base"
pinned=$(docker image inspect --format '{{index .RepoDigests 0}}' "$base")

docker build \
    --build-arg "BASE=$pinned" \
    --label "ml-ci.content=$(action/content.sh)" \
    --label "org.opencontainers.image.version=$version" \
    --label "org.opencontainers.image.revision=$(git rev-parse HEAD)" \
    --label "org.opencontainers.image.source=$GITHUB_SERVER_URL/$GITHUB_REPOSITORY" \
    --label "org.opencontainers.image.base.name=$pinned" \
    --tag "$name:$version" .
docker push --quiet "$name:$version"

digest=$(docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$name:$version" | sed -n "s|^$name@||p")
[[ $digest == sha256:* ]]
printf 'name=%s\ndigest=%s\n' "$name" "$digest" >>"$GITHUB_OUTPUT"
