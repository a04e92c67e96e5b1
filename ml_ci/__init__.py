"""ml-ci: is the model that comes out of this pull request better or worse than the one on its base?"""

__version__ = "0.1.0"
