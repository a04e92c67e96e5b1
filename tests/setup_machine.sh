#!/usr/bin/env bash
# Programs that the tests use and that are no Python packages. Cheap where they are there.
set -euo pipefail
cd "$(dirname "$0")"

# Installs Debian's packages, or says which are wanted.
install_packages() {
    local root=()
    if [ "$(id -u)" != 0 ]; then
        root=(sudo --non-interactive)
    fi
    if ! command -v apt-get >/dev/null || ! "${root[@]}" true 2>/dev/null; then
        echo "make test needs $*. On Debian or Ubuntu: sudo apt-get install $*" >&2
        exit 1
    fi
    echo "make test: installing $*" >&2
    { "${root[@]}" apt-get update -q && "${root[@]}" apt-get install -qy --no-install-recommends "$@"; } >/dev/null
}

# Installs what a browser needs to show a comment as GitHub does, by version and hash.
install_modules() {
    local installed=render/node_modules/.installed.json
    cmp --silent render/package-lock.json "$installed" && return
    echo "make test: installing GitHub's stylesheet and Mermaid" >&2
    npm --prefix render ci --ignore-scripts --no-audit --no-fund --silent
    cp render/package-lock.json "$installed"
}

missing=()
command -v git >/dev/null || missing+=(git)
command -v make >/dev/null || missing+=(make)
# the report is looked at as a reader's browser shows it
command -v chromium >/dev/null || missing+=(chromium)
# act computes hashFiles() with it
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
if ((${#missing[@]})); then
    install_packages "${missing[@]}"
fi
install_modules
