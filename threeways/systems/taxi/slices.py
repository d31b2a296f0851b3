"""What training, the batch job's report and the labels say alike of rides; free of NumPy."""

from threeways.scoring.slices import Slice

LAST_ZONE = 265
"""TLC's zones are 1-263; 264 is 'unknown' and 265 'outside of NYC', both ordinary values in the data.
Source: TLC's taxi zone lookup table and user guide, nyc.gov/site/tlc/about/tlc-trip-record-data.page"""
LEAST_MINUTES, MOST_MINUTES = 1, 60
"""A ride whose duration is beyond is left out of training and judging."""

SLICES = (
    Slice(field="PULocationID", title="pickup zone", least=1, most=LAST_ZONE),
    Slice(
        field="trip_distance",
        title="distance, miles",
        edges=(0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 20.0),
    ),
)
