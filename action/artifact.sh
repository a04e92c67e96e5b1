#!/usr/bin/env bash
# Puts the report where the next steps upload it from, and writes the outputs `folder` and `page`, or none where there is
# no report. Only plain files with a report's names: a link that training left may lead anywhere on this machine, and
# training's log may hold a secret that GitHub hides in the step's own log, where all of it is.
set -euo pipefail

out=$GITHUB_WORKSPACE/.ml-ci
target=$RUNNER_TEMP/ml-ci/artifact
rm -rf "$target"
mkdir -p "$target/$ML_CI_ARTIFACT"
[ -d "$out" ] && [ ! -L "$out" ] || exit 0
cd "$out"

names=(-name report.html -o -name report.md -o -name result.json -o -name base.json -o -name head.json -o -path '*/plots/*.png')
# with several models each has a folder of its own
find . -maxdepth 3 \( -path ./mlflow -o -path ./records -o -path ./images \) -prune -o -type f \( "${names[@]}" \) -print0 |
    while IFS= read -r -d '' file; do
        mkdir -p "$target/$ML_CI_ARTIFACT/$(dirname "$file")"
        cp "$file" "$target/$ML_CI_ARTIFACT/$file"
    done

page=$target/$ML_CI_ARTIFACT.html
[ -f "$target/$ML_CI_ARTIFACT/report.html" ] || exit 0
cp "$target/$ML_CI_ARTIFACT/report.html" "$page"
{
    echo "folder=$target/$ML_CI_ARTIFACT"
    echo "page=$page"
} >>"$GITHUB_OUTPUT"
