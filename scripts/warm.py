"""Import all that a job imports, so that its byte code is in the image, and so that a missing part is noticed there."""

import importlib
import subprocess
import sys
import tempfile
from pathlib import Path

MODULES = (
    "alembic.command",
    "click",
    "dvc.api",
    "dvc.cli.parser",
    "dvc.commands.data_sync",
    "dvc.commands.diff",
    "dvc.commands.repro",
    "dvc.commands.status",
    "dvc.repo",
    # the remotes, as DVC imports them
    "adlfs",
    "aiobotocore.session",
    "asyncssh",
    "dvc_azure",
    "dvc_gs",
    "dvc_http",
    "dvc_s3",
    "dvc_ssh",
    "dvc_webdav",
    "gcsfs",
    "s3fs",
    "sshfs",
    "webdav4.fsspec",
    "github",
    "jinja2",
    "matplotlib.backends.backend_agg",
    "matplotlib.pyplot",
    "mlflow",
    "mlflow.server.fastapi_app",
    "mlflow.tracking",
    "numpy",
    "pandas",
    "psutil",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "pydantic",
    "rich.progress",
    "scipy.stats",
    "sklearn.metrics",
    "tabulate",
    "uvicorn.lifespan.on",
    "uvicorn.protocols.http.auto",
    "yaml",
)

for module in MODULES:
    importlib.import_module(module)

with tempfile.TemporaryDirectory() as folder:
    # The first use of an empty store runs every migration, each a module of its own. It is kept for the job's own
    # server (`ml_ci.sources.mlflow_server`), which then need not do that again.
    from importlib.metadata import version

    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    store = Path(sys.prefix, "share", "ml-ci", f"mlflow-{version('mlflow')}.db")
    store.parent.mkdir(parents=True, exist_ok=True)
    store.unlink(missing_ok=True)
    SqlAlchemyStore(f"sqlite:///{store}", "mlflow-artifacts:/").engine.dispose()
    subprocess.run([Path(sys.executable).parent / "dvc", "init", "--no-scm", "--quiet"], cwd=folder, check=True)
    subprocess.run([Path(sys.executable).parent / "dvc", "status", "--quiet"], cwd=folder, check=True)
    subprocess.run([Path(sys.executable).parent / "uv", "--version"], check=True)

    # the services that botocore still knows
    import botocore.session

    for service in ("s3", "sts", "sso", "sso-oidc"):
        botocore.session.get_session().create_client(service, region_name="eu-central-1")
