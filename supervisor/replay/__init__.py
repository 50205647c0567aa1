"""Reading journals again: verify, replay, report, and the house as it was at any moment."""
