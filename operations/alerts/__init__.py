"""Alerts: what is wrong (conditions), whom it was told (state, book), and telling it (targets)."""
