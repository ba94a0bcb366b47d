"""Gaps: what should have been stored and is not, why, and what stands in for it."""
