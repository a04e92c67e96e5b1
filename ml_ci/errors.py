"""The errors that a user can cause or meet, one class for each exit code of the command line.

They are raised where the cause is known, with one sentence that says what, where, and what to do, and are
turned into words at one door: `ml_ci.cli` for a person, `ml_ci.action` for GitHub.
"""


class MlCiError(Exception):
    """Base of the family; never raised itself."""

    exit_code = 4


class ConfigError(MlCiError):
    """The configuration or the command line is wrong."""

    exit_code = 2


class TrainingError(MlCiError):
    """Training failed, ran out of time, or left nothing that can be compared.

    `log_tail` is the end of what training printed, for the report; empty where there is none.
    """

    exit_code = 3

    def __init__(self, message: str, log_tail: str = "") -> None:
        super().__init__(message)
        self.log_tail = log_tail


class OutsideError(MlCiError):
    """Something that ml-ci depends on failed: git, the data remote, MLflow, GitHub, the environment's build."""

    exit_code = 4
