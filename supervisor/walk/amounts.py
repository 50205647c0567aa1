"""How much a load is moved, for how long it is watched, and how near is near enough. Each number with its reason.

Currents in A, powers in W, times in ms. Data only.
"""

from __future__ import annotations

VOLT = 230.0  # nominal, EN 60038; what it may differ from that is well inside AGREE_SHARE

# ---- how much
LOAD_A = 6.0  # IEC 61851-1: less is no offer to a car, so the smallest load that a wallbox can be
HAND_A = 3.0  # a kettle of 1 kW is 4.3 A; a lamp is too small to be told from the fridge
PRODUCED_W = 700.0  # half of it is 1.5 A on one phase, the least that stands out of a house at rest
REDUCE_TO = 0.5  # of what an inverter gives: it never gives more than it did, and comes back by itself

# ---- how near
AGREE_SHARE = 0.2  # of the expected change: two meters of class 1, not read in the same instant, a car's power factor
AGREE_A = 0.7  # below that the self-consumption of a wallbox and a refrigerator's fan cannot be told apart
POWER_SHARE = 0.3  # power has the mains' voltage (207 V to 253 V) and the power factor in it besides
REST_SHARE = 0.15  # of the expected change: what moves by itself must be well below AGREE_SHARE, or it decides
REST_A = 0.4  # and below AGREE_A
MOVED_SHARE = 0.5  # of what was asked for: from here on the load has answered, however much it takes
SWITCHED = 0.4  # A; less is no direction, for a meter at zero shows either sign

# ---- how long
WINDOW_MS = 5_000  # calm is looked at for so long: a meter on a busy line is read once in 2 s
BEFORE_MS = 90_000  # a washing machine turns its drum for a minute at most, then it rests
TAKEN_MS = 20_000  # from the wish until the target stands at it: a hold of 5 s and a ramp of 2 A/s, and slack
ANSWER_MS = 90_000  # a car wakes up within a minute; IEC 61851-1 gives it 5 s once it is awake
AFTER_MS = 180_000  # an inverter comes back along its ramp: 8 kW at 1 kW/s after a hold of 45 s
CONTACT_MS = 15_000  # a contactor travels within 1 s; interlocks and a precharge come before
HAND_MS = 300_000  # somebody walks to a socket with a kettle
PLACE_MS = 240_000  # a changeover drains, proves, waits and settles, on top of its dwell
LEASE_S = 60  # if the walk dies, every load is given back after a minute
RENEW_MS = 15_000  # so two renewals may be lost
POLL_MS = 500  # as often as the product says something new to people
