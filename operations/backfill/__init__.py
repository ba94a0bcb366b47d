"""Asking again for what is missing: which gaps, in which windows, and what came of it."""
