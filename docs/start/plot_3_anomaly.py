"""
An anomaly
==========

Orders have a number of items, a price and a total. In one of them the total is wrong, though each
of its numbers by itself is usual. Which one, how sure is that, and what is wrong with it?
"""

# %%
import numpy as np
import pandas as pd

import autoencodes as ac

random = np.random.default_rng(0)
items, price = random.integers(1, 9, 300), random.uniform(5, 40, 300).round(2)
orders = pd.DataFrame({"items": items, "price": price, "total": items * price})
odd = pd.DataFrame({"items": [2, 3], "price": [20.0, 15.0], "total": [250.0, 45.0]})

detector = ac.AnomalyDetector(2, effort="quick", epochs=100).fit(orders)

# %%
# −1 is an anomaly, 1 is none. The p-value says how often an ordinary order looks as odd as this
# one. It holds for data of any shape, as long as new ordinary orders are made like the old ones.

print(detector.predict(odd))
print(detector.p_values(odd).round(3))

# %%
# Which columns are to blame, and the smallest change that would make the order ordinary:

print(detector.explain(odd[:1]).round(1))
print(detector.repair(odd[:1])[0])

# %%
# The same without Python
# -----------------------
#
# .. code-block:: sh
#
#    autoencodes train orders.csv --trim 0.3 --out runs/orders
#    autoencodes anomalies runs/orders new.csv -o judged.csv --explain
#
# On with :doc:`what is promised, and series in time </howto/anomalies>`, or :doc:`how it compares
# with other detectors </measurements/anomalies>`.
