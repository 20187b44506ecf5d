# SPDX-License-Identifier: BSD-3-Clause
"""What the system tests and the demo stand on: processes, namespaces, the daemon, virtual machines."""
