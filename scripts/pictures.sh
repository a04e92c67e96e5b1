#!/usr/bin/env bash
# Makes README's pictures anew: the demo's comment, rendered as GitHub does, light and dark.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$work" && npm pack --silent github-markdown-css@5 >/dev/null && tar -xzf github-markdown-css-*.tgz)
.venv/bin/ml-ci demo --dir "$work/demo"
for look in light dark; do
    options=(--css "$work/package/github-markdown-$look.css" --width 900 --height "${HEIGHT:-1500}")
    [ "$look" = light ] || options+=(--dark)
    .venv/bin/python -m tests.render.browser "$work/demo/.ml-ci/report.md" "docs/comment-$look.png" "${options[@]}"
done
