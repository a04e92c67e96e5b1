"""The pictures of a report, one kind in each file; `drawing` says which there are and in what order."""
