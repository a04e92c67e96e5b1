# shellcheck shell=bash
# One yardstick for both sides: training itself says when it begins and ends.
date +%s.%N >>"$BENCH_STAMPS"
python train.py
date +%s.%N >>"$BENCH_STAMPS"
