"""What the views stand on besides readings: opening hours, virtual meters."""
