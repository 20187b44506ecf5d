/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The layout numbers as mingw-w64's own headers give them, in a section that objcopy takes out: never linked, never
 * run. Built with the Windows cross compiler; layout_status.h holds the NDIS_STATUS_ lines of its ddk/ndis.h, which
 * as a whole cannot be included beside ntddndis.h.
 */
#define NDIS_SUPPORT_NDIS6   1
#define NDIS_SUPPORT_NDIS61  1
#define NDIS_SUPPORT_NDIS620 1
#define NDIS_SUPPORT_NDIS630 1
#define WIN32_NO_STATUS
#include <winsock2.h>
#include <windows.h>
#undef WIN32_NO_STATUS
#include <ntstatus.h>
#include <stddef.h>
#include <stdint.h>
#include <ntddndis.h>

#include "layout_status.h"
#include "layout_numbers.h"

__attribute__((section(".layout"), used)) static const struct layout_number numbers[] = LAYOUT_NUMBERS;
