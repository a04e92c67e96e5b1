#!/usr/bin/env bash
# Removes from a virtual environment what no job can use: trim.sh VENV
# scripts/warm.py, and the tests in containers, notice when it takes too much.
set -euo pipefail
shopt -s nullglob
site=$("$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')

# MLflow's web interface: the job's own server answers programs only
rm -rf "$site/mlflow/server/js/build"

# Arrow's client for remote tables, and its C++ headers
rm -rf "$site"/pyarrow/{lib,_}*flight* "$site"/pyarrow/{include,src}

# botocore describes 400 services; DVC's remote is S3, and the others sign it in
for service in "$site"/botocore/data/*/; do
    case $(basename "$service") in
    s3 | sts | sso | sso-oidc | signin) ;;
    *) rm -rf "$service" ;;
    esac
done

# Other projects' tests. numpy.testing, which SciPy imports, reads a module out of one of them.
find "$site" -type d -name tests ! -path '*/numpy/_core/tests' -prune -exec rm -rf {} +

# Type stubs and C and Cython sources
find "$site" -type f \( -name '*.pyi' -o -name '*.pxd' -o -name '*.pyx' -o -name '*.c' -o -name '*.h' \) -delete
find "$site" -type d -name __pycache__ -prune -exec rm -rf {} +
