"""Fitted numbers of the consumption scorecards; tests/benchmarks/fit_detectors.py writes them.

Fitted on 37 real series of campus_hourly (271,263 hours with history), unlabelled, into copies
of which 32,107 hours of loads left on while closed and 15,132 hours of too much were
injected (seeds 0, 1, 2). The weights saw no label; features, injected faults and thresholds were
chosen by hand while looking at the labelled public sets too. A weight multiplies the feature of
its name in analyze/load_features.py; "mean>0.2" is how far the mean lies above 0.2. Positive
speaks for a fault.
"""

# Confidence from which on two hours in a row are an event, in open and in closed hours: where F1 on
# injected faults is highest; within .01 from .25 to .65 and from .45 to .6, with fewer alarms above
# (`fit_detectors.py --thresholds` prints it).
FLAG_OPEN_ABOVE = 0.35
FLAG_CLOSED_ABOVE = 0.55
# Of a whole closed stretch, from which on its energy is claimed; after a claimed one the second.
CLAIM_ABOVE = 0.3
CLAIM_AGAIN_ABOVE = 0.2
OPEN_WEIGHTS = {
    "bias": -8.493,
    "z": 0.3357,
    "z_3h": -0.5096,
    "z_24h": 0.6643,
    "z_168h": -0.8756,
    "share": -0.4689,
    "ratio": -0.4875,
    "z_3h_by_noise": 0.2341,
    "noise": 0.536,
    "since_yesterday": 0.7857,
    "since_last_week": 0.3484,
    "ratio>0.1": 7.019,
    "ratio>0.3": 0.4051,
    "ratio>0.6": -8.548,
    "share>0.1": 1.266,
    "share>0.3": 0.5941,
    "share>0.6": -2.144,
    "z_3h>1": 0.7659,
    "z_3h>3": -0.3258,
    "z_3h>6": -0.1574,
}
CLOSED_WEIGHTS = {
    "bias": -4.949,
    "z": 0.09675,
    "z_3h": 0.08009,
    "z_24h": 0.1864,
    "z_168h": -0.07237,
    "share": -0.7022,
    "ratio": 0.8929,
    "z_3h_by_noise": 0.2415,
    "noise": 0.6584,
    "since_yesterday": 0.3676,
    "since_last_week": 0.2198,
    "mean": 1.564,
    "least": -0.7017,
    "before": -0.0812,
    "z_before": -0.21,
    "previous": 0.8554,
    "share_by_nights": 0.2396,
    "mean_by_nights": -0.01885,
    "least_by_nights": 0.04157,
    "nights": 0.5084,
    "lowest": -0.09279,
    "lowest_by_nights": 0.06727,
    "unsteady": -1.144,
    "least_for_long": 0.5412,
    "step": -0.4324,
    "mean>0.05": 4.469,
    "mean>0.2": -5.708,
    "mean>0.5": 0.2192,
    "least>0.05": 3.094,
    "least>0.2": -6.767,
    "least>0.5": 4.139,
    "step>0.05": 10.3,
    "step>0.2": -4.476,
    "step>0.5": -5.878,
}
RISE_WEIGHTS = {
    "bias": -8.04,
    "z": 0.06695,
    "z_3h": 0.1723,
    "z_24h": 0.2996,
    "z_168h": -0.7409,
    "share": -0.4305,
    "ratio": 1.382,
    "z_3h_by_noise": 0.1735,
    "noise": -0.02033,
    "since_yesterday": 0.7665,
    "since_last_week": 0.5392,
    "ratio>0.1": 11.58,
    "ratio>0.3": -7.969,
    "ratio>0.6": -4.724,
    "share>0.1": 0.4697,
    "share>0.3": 2.241,
    "share>0.6": -3.162,
    "z_3h>1": 0.08656,
    "z_3h>3": -0.1473,
    "z_3h>6": 0.01053,
}
