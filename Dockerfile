# The image that action.yml runs: ml-ci in a virtual environment of its own, and what training needs around it.
# Built without BuildKit's extensions, so that every engine can build it. A release pins the base by digest:
#   docker build --build-arg BASE=python:3.13-slim@sha256:… .
ARG BASE=python:3.13-slim

# ---- packages: the virtual environment, from the lock. Changes only when the lock or the base does.
FROM ${BASE} AS packages
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
WORKDIR /build
COPY requirements/run.txt scripts/only.sh ./
# uv's own wheel is checked against the lock by pip; uv then checks all the others
RUN ./only.sh uv <run.txt >uv.txt \
    && pip install --no-cache-dir --require-hashes --no-deps --root-user-action ignore -r uv.txt
RUN python -m venv --without-pip /opt/ml-ci/venv \
    && uv pip sync --no-cache --require-hashes --python /opt/ml-ci/venv/bin/python run.txt
COPY scripts/trim.sh scripts/warm.py ./
# warm.py imports all that a job imports: it fails the build if too much was trimmed, and leaves the byte code of
# just these modules, without which every job would compile them again
RUN ./trim.sh /opt/ml-ci/venv && /opt/ml-ci/venv/bin/python warm.py

# ---- the image
FROM ${BASE}
LABEL org.opencontainers.image.title="ml-ci" \
      org.opencontainers.image.description="DVC + MLflow pull-request gate" \
      org.opencontainers.image.licenses="Apache-2.0"

# What trainings reach for, and no compiler: packages are installed as wheels; whatever must be compiled runs with
# `runtime: host`. git, for the job; openssh-client, where the checkout used a deploy key; make and curl, for
# trainings; libgomp1, which LightGBM's wheel leaves to the system.
# git needs perl's modules only for send-email, svn and the like: with them and the translations, this layer would be
# twice as large.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl git libgomp1 make openssh-client \
    && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /usr/lib/*/perl/5* /usr/share/perl/5* \
        /usr/share/doc /usr/share/gitweb /usr/share/locale /usr/share/man

# ml-ci's dependencies
COPY --from=packages /opt/ml-ci /opt/ml-ci

# ml-ci itself: all that is built again when only the code changes. A .pth file and not PYTHONPATH, which training
# would inherit.
COPY entrypoint.py /opt/ml-ci/
COPY examples/quickstart /opt/ml-ci/examples/quickstart
COPY ml_ci /opt/ml-ci/ml_ci
RUN echo /opt/ml-ci >"$(/opt/ml-ci/venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/ml_ci.pth" \
    && printf '#!/opt/ml-ci/venv/bin/python -I\nimport sys\nfrom ml_ci.cli import main\nsys.exit(main())\n' >/usr/local/bin/ml-ci \
    && chmod +x /usr/local/bin/ml-ci \
    && /opt/ml-ci/venv/bin/python -m compileall -q /opt/ml-ci/ml_ci

# The job runs as root and training as the workspace's owner, so that training can neither read the job's memory,
# where the token is, nor leave files that the runner cannot remove. -I: a PYTHONPATH or PYTHONHOME of the workflow
# is meant for training. -u: the log is read while it is written.
ENTRYPOINT ["/opt/ml-ci/venv/bin/python", "-Iu", "/opt/ml-ci/entrypoint.py"]
