"""The middle: pure functions on frozen dataclasses, without input or output, clock or environment.

All that decides anything is here, and can be tested with literals.
"""
