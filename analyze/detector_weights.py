"""Fitted numbers of the consumption scorecards; tests/benchmarks/fit_detectors.py writes them.

Fitted on 37 real series of campus_hourly (271,235 hours with history), unlabelled, into copies
of which 32,095 hours of loads left on while closed and 15,135 hours of too much were
injected (seeds 0, 1, 2). No labelled set was used. A weight multiplies the feature of its name in
analyze/load_features.py; "mean>0.2" is how far the mean lies above 0.2. Positive speaks for
a fault.
"""

# Confidence from which on two hours in a row are an event, in open and in closed hours: F1 on the
# injected faults is level (within .01) from .25 to .5 and from .4 to .6; alarms fall with both.
FLAG_OPEN_ABOVE = 0.35
FLAG_CLOSED_ABOVE = 0.55
# Of a whole closed stretch, from which on its energy is claimed; after a claimed one the second.
CLAIM_ABOVE = 0.3
CLAIM_AGAIN_ABOVE = 0.2
OPEN_WEIGHTS = {
    "bias": -8.494,
    "z": 0.3361,
    "z_3h": -0.5101,
    "z_24h": 0.6641,
    "z_168h": -0.8749,
    "share": -0.4688,
    "ratio": -0.4888,
    "z_3h_by_noise": 0.2342,
    "noise": 0.5405,
    "since_yesterday": 0.7854,
    "since_last_week": 0.3485,
    "ratio>0.1": 7.015,
    "ratio>0.3": 0.4065,
    "ratio>0.6": -8.544,
    "share>0.1": 1.266,
    "share>0.3": 0.5935,
    "share>0.6": -2.143,
    "z_3h>1": 0.7663,
    "z_3h>3": -0.326,
    "z_3h>6": -0.1572,
}
CLOSED_WEIGHTS = {
    "bias": -4.955,
    "z": 0.09786,
    "z_3h": 0.07805,
    "z_24h": 0.1858,
    "z_168h": -0.07189,
    "share": -0.7138,
    "ratio": 0.8906,
    "z_3h_by_noise": 0.2428,
    "noise": 0.6606,
    "since_yesterday": 0.3664,
    "since_last_week": 0.2303,
    "mean": 1.546,
    "least": -0.6954,
    "before": -0.08282,
    "z_before": -0.2084,
    "previous": 0.853,
    "share_by_nights": 0.2402,
    "mean_by_nights": -0.0209,
    "least_by_nights": 0.0414,
    "nights": 0.5066,
    "lowest": -0.1016,
    "lowest_by_nights": 0.0674,
    "unsteady": -1.12,
    "least_for_long": 0.5437,
    "step": -0.4306,
    "mean>0.05": 4.529,
    "mean>0.2": -5.754,
    "mean>0.5": 0.2189,
    "least>0.05": 3.107,
    "least>0.2": -6.762,
    "least>0.5": 4.134,
    "step>0.05": 10.29,
    "step>0.2": -4.468,
    "step>0.5": -5.887,
}
RISE_WEIGHTS = {
    "bias": -8.038,
    "z": 0.06725,
    "z_3h": 0.172,
    "z_24h": 0.2991,
    "z_168h": -0.7424,
    "share": -0.4373,
    "ratio": 1.371,
    "z_3h_by_noise": 0.1708,
    "noise": -0.02758,
    "since_yesterday": 0.764,
    "since_last_week": 0.5561,
    "ratio>0.1": 11.6,
    "ratio>0.3": -7.996,
    "ratio>0.6": -4.703,
    "share>0.1": 0.4572,
    "share>0.3": 2.252,
    "share>0.6": -3.167,
    "z_3h>1": 0.0933,
    "z_3h>3": -0.1508,
    "z_3h>6": 0.008929,
}
