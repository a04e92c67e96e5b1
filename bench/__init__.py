"""`make bench`: speed and size."""
