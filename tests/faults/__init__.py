"""Fault injection over the whole job: each of its outside calls fails in turn, and at each the job is killed in turn.

A job is run once without a fault, and every request that it makes of GitHub, of git on GitHub, of MLflow and of the DVC
remote is noted. Then the same job is run again and again from the same beginning, and each time one fault meets one of
these requests; where it needs one, the next run follows, without a fault. `afterwards.py` says what must hold then.

    python -m tests.faults --jobs 2          # all of it, and the table of docs/faults.md
    python -m tests.faults --scenario record --call "POST /git/commits"
"""
