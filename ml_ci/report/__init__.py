"""An outlet: a result turned into Markdown, plots, an HTML page, JSON, and lines on a terminal.

What to say is decided once, in `view`; the other rooms only say it, each escaped for where it is read.
"""
