"""Quality: how good the stored data of some days is, and which channels get worse."""
