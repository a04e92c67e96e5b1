#!/usr/bin/env bash
# Puts the report where the next steps upload it from, and writes the outputs `folder` and `page`, or none where there is
# no report. A job that may write publishes it later, for pull requests from forks.
#
# Only what ml-ci wrote: files of fixed names, and those that its own documents name. Training can leave other files here,
# and links that lead anywhere on this machine; its log may hold a secret that GitHub hides in the step's own log, where all
# of it is.
set -euo pipefail

target=$RUNNER_TEMP/ml-ci/artifact
here=$target/$ML_CI_ARTIFACT
rm -rf "$target"
mkdir -p "$here"

# what the job that publishes takes (ml_ci/sources/archive.py)
largest=50000000 most_bytes=95000000 most_files=2000
bytes=0 files=0 left=0

# Into a folder of the present one: no link is followed, nor what takes the folder's place in this moment.
enter() {
    local from
    from=$(pwd -P)
    [ -d "$1" ] && [ ! -L "$1" ] && cd -P "./$1" 2>/dev/null || return 1
    [ "$(pwd -P)" = "${from%/}/$1" ] && return
    back
    return 1
}

back() {
    cd "$top" && [ "$(pwd -P)" = "$top" ] || exit 0
}

# take NAME FOLDER: a regular file of the present folder, into FOLDER of the artifact.
take() {
    local copy=$here/$2$1 size
    [ -f "./$1" ] && [ ! -L "./$1" ] || return 0
    if [ "$files" -ge "$most_files" ] || [ -z "$(find "./$1" -type f -size "-$((largest + 1))c")" ]; then
        left=$((left + 1))
        return 0
    fi
    mkdir -p "$here/$2"
    # as it is, also if it is something else by now
    cp -RP "./$1" "$copy" 2>/dev/null || true
    if [ -L "$copy" ] || [ ! -f "$copy" ]; then
        rm -rf "$copy"
        return 0
    fi
    size=$(wc -c <"$copy")
    if [ $((bytes + size)) -gt "$most_bytes" ]; then
        rm -f "$copy"
        left=$((left + 1))
        return 0
    fi
    bytes=$((bytes + size)) files=$((files + 1))
}

take_records() {
    local name
    for name in result.json head.json base.json report.md; do
        take "$name" "$1"
    done
}

take_predictions() {
    take head.parquet "$1"
    take base.parquet "$1"
}

take_page() {
    take report.html "$1"
}

take_images() {
    local name names=''
    for name in head.json base.json; do
        # a quote within a text of theirs has a backslash before it
        [ ! -f "$here/$1$name" ] || names+=" $(grep -oE '"sha256":"[0-9a-f]{64}"' "$here/$1$name" | grep -oE '[0-9a-f]{64}' || true)"
    done
    enter images || return 0
    for name in $names; do
        [ -f "$here/$1images/$name.png" ] || take "$name.png" "$1images/"
    done
}

take_plots() {
    local name number names=''
    for ((number = 0; number < 50; number++)); do
        names+=" report-$number"
    done
    [ ! -f "$here/$1result.json" ] ||
        names+=" $(sed -n 's/^ *"path": "plots\/\([A-Za-z0-9_][A-Za-z0-9._-]*\)\.png",\{0,1\}$/\1/p' "$here/$1result.json")"
    enter plots || return 0
    for name in $names; do
        take "$name.png" "$1plots/"
        take "$name-dark.png" "$1plots/"
    done
}

cd -P "$GITHUB_WORKSPACE"
top=$(pwd -P)
enter .ml-ci || exit 0
top=$(pwd -P)

take_records ""
[ -f "$here/result.json" ] || exit 0
# with several models each has a folder of its own
keys=$(sed -n 's/^      "key": "\([A-Za-z0-9][A-Za-z0-9._-]*\)",$/\1/p' "$here/result.json")
for key in $keys; do
    if enter "$key"; then take_records "$key/"; fi
    back
done
# what is needed most comes first, as there is room for so much
for what in take_predictions take_images take_page take_plots; do
    "$what" ""
    back
    for key in $keys; do
        if enter "$key"; then "$what" "$key/"; fi
        back
    done
done
if [ "$left" -gt 0 ]; then
    echo "::warning title=ml-ci::The artifact has room for $((most_bytes / 1000000)) MB in $most_files files: $left were left out."
fi

echo "folder=$here" >>"$GITHUB_OUTPUT"
page=$target/$ML_CI_ARTIFACT.html
if [ -f "$here/report.html" ]; then
    cp "$here/report.html" "$page"
    echo "page=$page" >>"$GITHUB_OUTPUT"
fi
