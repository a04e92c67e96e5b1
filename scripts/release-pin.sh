#!/usr/bin/env bash
# Moves the major tag to a commit that holds the image's digest, and publishes the release:
# release-pin.sh vX.Y.Z NAME sha256:…
set -euo pipefail
cd "$(dirname "$0")/.."
version=$1 name=$2 digest=$3
major=${version%%.*}

echo "$digest" >action/image-digest
git add action/image-digest
git -c user.name=github-actions -c user.email=41898282+github-actions[bot]@users.noreply.github.com \
    commit --quiet --message "Pin the image of $version: $digest"
commit=$(git rev-parse HEAD)
# the token reaches git through gh and this one command, and is written nowhere
git -c credential.helper= -c 'credential.helper=!gh auth git-credential' \
    push --force "$GITHUB_SERVER_URL/$GITHUB_REPOSITORY" "HEAD:refs/tags/$major"

gh release create "$version" --verify-tag --title "$version" --notes "\
The image is \`$name@$digest\`. Its provenance: \`gh attestation verify oci://$name@$digest --repo $GITHUB_REPOSITORY\`

    - uses: $GITHUB_REPOSITORY@$commit # $version, which runs just this image

What changed is in CHANGELOG.md."
