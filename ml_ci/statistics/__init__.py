"""Statistics: arrays and numbers in, numbers out. It knows nothing of runs, rules and verdicts.

Pure, like all of the middle: no input or output, no clock, and chance only from seeds that are fixed here. NumPy, SciPy
and scikit-learn are imported inside of functions where the command line would otherwise pay for them.
"""
