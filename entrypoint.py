"""The container's door, and the host runtime's: GitHub's variables in, the job's exit code out."""

import sys

from ml_ci.action import main

if __name__ == "__main__":
    sys.exit(main())
