"""The state of every site's data, for the quality dashboard: what it is, and how it is read."""
