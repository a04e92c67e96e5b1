#!/usr/bin/env bash
# The job's step is over and has not said so itself: it never came to an end, or it was something else than ml-ci.
set -euo pipefail

# action/image.sh has said what was wrong
[ -z "$ML_CI_VERDICT" ] || exit 4

what="it was killed, most often for lack of memory, or Docker could not start it: the log of the step before says more"
if [ -n "$INPUT_IMAGE" ]; then
    what+="; the input image has to be an image of ml-ci"
fi
echo "::error title=ml-ci::ml-ci ended without a verdict: $what."
echo "verdict=error" >>"$GITHUB_OUTPUT"
exit 4
