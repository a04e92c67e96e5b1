#!/usr/bin/env bash
# Runs the job in the container, so that it looks like the host: same paths, same network, same variables.
set -euo pipefail

echo "::group::ml-ci: image"
image=$(bash "$GITHUB_ACTION_PATH/action/image.sh")
echo "$image"
echo "::endgroup::"

# A job that was killed hard leaves its container running; this workspace is ours alone now.
docker ps --all --quiet --filter "label=ml-ci.workspace=$GITHUB_WORKSPACE" | xargs --no-run-if-empty docker rm --force >/dev/null

# What the container has for RUNNER_TEMP. The runner's own holds its files and other actions' credentials, which are not
# training's to see.
temp=$RUNNER_TEMP/ml-ci/temp
home=$RUNNER_TEMP/ml-ci/home
mkdir -p "$temp/ml-ci/home"

# bind SOURCE TARGET [readonly]. Unlike --volume it fails, and makes no empty folder, where the engine cannot see SOURCE.
declare -A bound=()
bind() {
    # two variables may name one file
    [ -z "${bound[$2]:-}" ] || return 0
    bound[$2]=yes
    # in there the engine would make the place to mount it on as root, who alone could remove it
    case $2 in
    "$RUNNER_TEMP"/*)
        mkdir -p "$(dirname "$temp/${2#"$RUNNER_TEMP"/}")"
        if [ -d "$1" ]; then mkdir -p "$temp/${2#"$RUNNER_TEMP"/}"; else touch "$temp/${2#"$RUNNER_TEMP"/}"; fi
        ;;
    esac
    options+=(--mount "type=bind,\"source=$1\",\"target=$2\"${3:+,$3}")
}

options=(
    --rm --interactive
    --label "ml-ci.workspace=$GITHUB_WORKSPACE"
    --workdir "$GITHUB_WORKSPACE"
    # the runner's network: an MLflow server or a data remote may be a service container on its localhost
    --network host
    # the job is root in there, to give training the workspace owner's name; it needs no more than that
    --security-opt no-new-privileges --cap-drop ALL
    --cap-add CHOWN --cap-add DAC_OVERRIDE --cap-add FOWNER --cap-add KILL --cap-add SETGID --cap-add SETUID
    # data loaders with several processes share memory; Docker's 64 MB end them
    --shm-size 2g
    # The files by which a step speaks to the runner, and the runner's RUNNER_TEMP, where only the job gets at them: else
    # training, which has the same user number as their owner, could write a verdict of its own. Nobody's folder: where
    # training is root, it has none of root's powers, and the job does.
    --tmpfs "/run/ml-ci:mode=0700,uid=65534"
    --env GITHUB_OUTPUT=/run/ml-ci/output
    --env GITHUB_STEP_SUMMARY=/run/ml-ci/summary
    --env "HOME=$home"
    --env ML_CI_LIFELINE=stdin
)
# SYS_PTRACE, to look into the processes that training leaves behind, which are another user's; an init, to reap them.
# Where the workspace is root's, training has to be root too. Then it must not look into the job, nor into an init,
# which has the same environment and, unlike the job, does not close itself to others.
# And it must not write to the programs that the job still has to load.
if [ "$(stat -c %u "$GITHUB_WORKSPACE")" = 0 ]; then
    options+=(--read-only --mount "type=volume,target=/tmp" --mount "type=volume,target=/var/tmp")
else
    options+=(--cap-add SYS_PTRACE --init)
fi
bind "$GITHUB_WORKSPACE" "$GITHUB_WORKSPACE"
bind "$temp" "$RUNNER_TEMP"
bind "$RUNNER_TEMP" /run/ml-ci/runner-temp readonly
bind "$ML_CI_CACHE" "$ML_CI_CACHE"
bind "$GITHUB_OUTPUT" /run/ml-ci/output
bind "$GITHUB_STEP_SUMMARY" /run/ml-ci/summary

# True for what is mounted already.
inside() {
    case $1 in
    "$GITHUB_WORKSPACE"/* | "$ML_CI_CACHE"/*) return 0 ;;
    *) return 1 ;;
    esac
}

# Files that a variable names: the event, cloud credentials, certificates.
while IFS= read -r name; do
    case $name in
    PATH | HOME | PWD | OLDPWD | SHLVL | _ | SHELL | USER | LOGNAME | HOSTNAME | TMPDIR | TMP | TEMP | BASH* | SHELLOPTS) continue ;;
    GITHUB_OUTPUT | GITHUB_STEP_SUMMARY | GITHUB_ENV | GITHUB_PATH | GITHUB_STATE) continue ;;
    # the host's Pythons and libraries are not in there
    LD_* | PYTHONHOME | VIRTUAL_ENV | CONDA* | pythonLocation | Python*_ROOT_DIR | PKG_CONFIG_PATH) continue ;;
    DOCKER_* | XDG_*) continue ;;
    # the runner's own tokens: cache, artifacts, identity
    ACTIONS_*) continue ;;
    esac
    options+=(--env "$name")
    value=${!name}
    case $name in
    GITHUB_EVENT_PATH | *_FILE | *_CREDENTIALS | *_CERT | *_CERTS | *_BUNDLE | *_CAINFO | *_CERT_PATH)
        if [[ $value == /* && -f $value ]] && ! inside "$value"; then
            bind "$value" "$value" readonly
        fi
        ;;
    esac
done < <(compgen -e)

# The same for credentials that are found by their place in HOME.
for place in .aws .azure .config/dvc .config/gcloud .ssh; do
    if [ -d "$HOME/$place" ]; then
        bind "$HOME/$place" "$home/$place" readonly
    fi
done
for place in .gitconfig .netrc; do
    if [ -f "$HOME/$place" ]; then
        bind "$HOME/$place" "$home/$place" readonly
    fi
done

# Standard input is the container's lifeline: nothing is ever written to it, and when docker's client is killed it
# closes, which ends the job inside.
lifeline=$RUNNER_TEMP/ml-ci/lifeline.$$
mkfifo "$lifeline"
exec 3<>"$lifeline"
rm "$lifeline"

exec docker run "${options[@]}" "$image" <&3
