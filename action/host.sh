#!/usr/bin/env bash
# Runs the job on the host: ml-ci in an environment of its own, from the same lock as the image's.
set -euo pipefail

# Any Python starts this; uv then finds, or fetches, one that is new enough.
python=
for name in python3 python; do
    if "$name" -c 'import ensurepip, venv' 2>/dev/null; then
        python=$name
        break
    fi
done
if [ -z "$python" ]; then
    echo "::error title=ml-ci::runtime host needs a Python 3 with its venv module: add actions/setup-python before this step."
    exit 2
fi

where=$RUNNER_TEMP/ml-ci/host
# Windows calls it differently
bin=bin
[ "$RUNNER_OS" != Windows ] || bin=Scripts

if [ ! -e "$where/ready" ]; then
    echo "::group::ml-ci: environment"
    rm -rf "$where"
    "$python" -m venv "$where/uv"
    bash "$GITHUB_ACTION_PATH/scripts/only.sh" uv <"$GITHUB_ACTION_PATH/requirements/run.txt" >"$where/uv.txt"
    "$where/uv/$bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r "$where/uv.txt"
    uv=$where/uv/$bin/uv
    # not in training's cache: what training writes there, in a container too, a later job would run beside its token
    own=$HOME/.cache/ml-ci-own
    "$uv" venv --cache-dir "$own" --quiet --python '>=3.11,<3.15' "$where/venv"
    "$uv" pip sync --cache-dir "$own" --quiet --require-hashes --python "$where/venv/$bin/python" "$GITHUB_ACTION_PATH/requirements/run.txt"
    "$where/venv/$bin/python" -c 'import os, pathlib, sysconfig
pathlib.Path(sysconfig.get_path("purelib"), "ml_ci.pth").write_text(os.environ["GITHUB_ACTION_PATH"])'
    touch "$where/ready"
    echo "::endgroup::"
fi

# -I: a PYTHONPATH or PYTHONHOME of the workflow is meant for training. -u: the log is read while it is written.
exec "$where/venv/$bin/python" -Iu "$GITHUB_ACTION_PATH/entrypoint.py"
