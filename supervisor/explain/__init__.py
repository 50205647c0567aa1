"""The answer to "why is it not charging?": what happened, what clears it, what you can do now (hazard H16).

It reads a :class:`~supervisor.replay.moment.Moment` and the plan, asks the kernel where a sum is needed, and writes
words. It decides nothing, keeps nothing, and has no way to any device.
"""
