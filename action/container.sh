#!/usr/bin/env bash
# Runs the job in the container, so that it looks like the host: same paths, same network, same variables.
set -euo pipefail

echo "::group::ml-ci: image"
image=$(bash "$GITHUB_ACTION_PATH/action/image.sh")
echo "$image"
echo "::endgroup::"

# A job that was killed hard leaves its container running; this workspace is ours alone now.
docker ps --all --quiet --filter "label=ml-ci.workspace=$GITHUB_WORKSPACE" | xargs --no-run-if-empty docker rm --force >/dev/null

home=$RUNNER_TEMP/ml-ci/home
mkdir -p "$home"

# bind SOURCE TARGET [readonly]. Unlike --volume it fails, and makes no empty folder, where the engine cannot see SOURCE.
declare -A bound=()
bind() {
    # two variables may name one file
    [ -z "${bound[$2]:-}" ] || return 0
    bound[$2]=yes
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
    # The files by which a step speaks to the runner, where only root gets at them: else training, which has the same
    # user number as their owner, could write a verdict of its own.
    --tmpfs /run/ml-ci:mode=0700
    --env GITHUB_OUTPUT=/run/ml-ci/output
    --env GITHUB_STEP_SUMMARY=/run/ml-ci/summary
    --env "HOME=$home"
    --env ML_CI_LIFELINE=stdin
)
# SYS_PTRACE, to look into the processes that training leaves behind, which are another user's; an init, to reap them.
# Where the workspace is root's, training has to be root too. Then it must not look into the job, nor into an init,
# which has the same environment and, unlike the job, does not close itself to others.
[ "$(stat -c %u "$GITHUB_WORKSPACE")" = 0 ] || options+=(--cap-add SYS_PTRACE --init)
bind "$GITHUB_WORKSPACE" "$GITHUB_WORKSPACE"
bind "$RUNNER_TEMP" "$RUNNER_TEMP"
bind "$ML_CI_CACHE" "$ML_CI_CACHE"
bind "$GITHUB_OUTPUT" /run/ml-ci/output
bind "$GITHUB_STEP_SUMMARY" /run/ml-ci/summary
case $GITHUB_OUTPUT in
"$RUNNER_TEMP"/*/*) options+=(--tmpfs "$(dirname "$GITHUB_OUTPUT"):mode=0700") ;;
esac

# True for what is mounted already.
inside() {
    case $1 in
    "$GITHUB_WORKSPACE"/* | "$RUNNER_TEMP"/* | "$ML_CI_CACHE"/*) return 0 ;;
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
    GITHUB_EVENT_PATH | *_FILE | *_CREDENTIALS | *_CERT | *_CERTS | *_BUNDLE)
        if [[ $value == /* && -f $value ]] && ! inside "$value"; then
            bind "$value" "$value" readonly
        fi
        ;;
    esac
done < <(compgen -e)

# The same for credentials that are found by their place in HOME.
for place in .aws .azure .config/dvc .config/gcloud .ssh; do
    if [ -d "$HOME/$place" ]; then
        mkdir -p "$home/$place"
        bind "$HOME/$place" "$home/$place" readonly
    fi
done
for place in .gitconfig .netrc; do
    if [ -f "$HOME/$place" ]; then
        touch "$home/$place"
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
