#!/usr/bin/env bash
# Every check that needs no running program. All of them run, also after one has failed: lint.sh [CHECK...]
set -uo pipefail
cd "$(dirname "$0")/.." || exit
PATH=$PWD/.venv/bin:$PATH
failed=()
ran=()
wanted=("$@")

check() {
    local name=$1
    shift
    if ((${#wanted[@]})) && [[ " ${wanted[*]} " != *" $name "* ]]; then
        return
    fi
    ran+=("$name")
    echo "lint: $name"
    "$@" || failed+=("$name")
}

mapfile -t scripts < <(git ls-files -- '*.sh' .ci/run)
mapfile -t examples < <(find examples -path '*/.github/workflows/*.yml' -o -path 'examples/workflows/*.yml' | sort)
# with a token zizmor also asks GitHub whether a SHA is of the version beside it, and whether anything is known against it
online=(--offline)
[ -z "${GH_TOKEN:-}" ] || online=()

check ruff-format ruff format --check --quiet .
# its rules S are bandit's
check ruff-check ruff check --quiet .
check mypy mypy
check actionlint actionlint
check actionlint-examples actionlint "${examples[@]}"
check workflow-rules python scripts/workflow_rules.py
check zizmor zizmor "${online[@]}" --quiet --persona auditor --config .github/zizmor.yml .github action.yml
check zizmor-examples zizmor --offline --quiet --persona auditor --config .github/zizmor.yml "${examples[@]}"
check hadolint hadolint Dockerfile
check shellcheck shellcheck "${scripts[@]}"
check action.yml check-jsonschema --quiet --builtin-schema vendor.github-actions action.yml
check workflows check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml "${examples[@]}"
check dependabot check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
check pip-audit python scripts/audit.py

if ((${#ran[@]} < ${#wanted[@]})); then
    echo "lint: no such check among: ${wanted[*]}" >&2
    exit 2
fi
if ((${#failed[@]})); then
    echo "lint: failed: ${failed[*]}" >&2
    exit 1
fi
