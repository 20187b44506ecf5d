# SPDX-License-Identifier: BSD-3-Clause
"""Side-by-side measurements of vhost-user switches: what bench/run is made of."""
