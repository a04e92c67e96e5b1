"""GitHub, as an outlet: the comment, the check, the data branch, and what the runner shows of a job."""
