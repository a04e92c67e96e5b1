#!/usr/bin/env bash
# Every check that needs no running program. All of them run, also after one has failed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
PATH=$PWD/.venv/bin:$PATH
failed=()

check() {
    local name=$1
    shift
    echo "lint: $name"
    "$@" || failed+=("$name")
}

mapfile -t scripts < <(git ls-files -- '*.sh' .ci/run)

check 'ruff format' ruff format --check --quiet .
check 'ruff check' ruff check --quiet .
check 'mypy' mypy
check 'actionlint' actionlint
check 'zizmor' zizmor --offline --quiet .github action.yml
check 'hadolint' hadolint Dockerfile
check 'shellcheck' shellcheck "${scripts[@]}"
check 'action.yml' check-jsonschema --quiet --builtin-schema vendor.github-actions action.yml
check 'workflows' check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
check 'dependabot' check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml

if ((${#failed[@]})); then
    echo "lint: failed: ${failed[*]}" >&2
    exit 1
fi
