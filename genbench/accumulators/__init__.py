"""What metrics keep of a stream of images, in forms that several processes merge exactly.

A metric of one function needs no more than `pair_metric`, `feature_metric` or `image_metric`.
"""

from genbench.accumulators.metrics import feature_metric, image_metric, pair_metric

__all__ = ["feature_metric", "image_metric", "pair_metric"]
