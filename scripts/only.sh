#!/bin/sh
# Prints one package's pin and hashes out of a lock on standard input: only.sh NAME <requirements/run.txt
set -eu
awk -v name="$1" '/^[^ #]/ { on = index($0, name "==") == 1 } on && !/^ *#/' | grep .
