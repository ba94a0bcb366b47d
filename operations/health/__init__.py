"""Is each channel still reporting, and is the sync at work?"""
