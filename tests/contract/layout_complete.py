#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Fails when a structure, member or constant of include/vmq/ndis_*.h is in neither layout table, or a member that a request or
an indication carries is not one that vmqctl reads and writes by name (src/vmqctl/layouts.h)."""
import pathlib
import re
import sys

# Helpers and shapes of our own, not numbers of the contract; the whole NDIS_OID_REQUEST has no documented layout.
OWN = {"NDIS_SIZEOF_THROUGH", "NDIS_X_ENUM", "NDIS_STRING_UTF8_SIZE", "NDIS_OID_REQUEST", "NDIS_OID_REQUEST_REVISION_1",
       "NDIS_OID_REQUEST_REVISION_2", "NDIS_NET_BUFFER_LIST_FILTERING_INFO", "NDIS_NET_BUFFER_LIST_8021Q_INFO", "NDIS_SIZEOF_OID_REQUEST_REVISION_1", "NDIS_SIZEOF_OID_REQUEST_REVISION_2"}

# No request and no indication has them.
NOT_CARRIED = {"NET_BUFFER_SHARED_MEMORY", "NDIS_SHARED_MEMORY_PARAMETERS", "NDIS_IF_COUNTED_STRING", "NDIS_RSS_PROCESSOR", "NDIS_RSS_PROCESSOR_INFO", "NDIS_SRIOV_CONFIG_STATE_PARAMETERS"}
UNIONS = {("NDIS_RECEIVE_FILTER_FIELD_PARAMETERS", union) for union in ("HeaderField", "FieldValue", "ResultValue")}


def names(text):
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    for body, name in re.findall(r"typedef struct _\w+ \{(.*?)\n\} (\w+);", text, flags=re.S):
        if name in OWN:
            continue
        yield f"{name})", name
        for inner, union in re.findall(r"union \w+ \{(.*?)\} (\w+);", body, flags=re.S):
            for member in re.findall(r"(\w+)(?:\[[^\]]*\])?;", inner):
                yield f"({name}, {union}.{member}", f"{name}.{union}.{member}"
        body = re.sub(r"union \w+ \{.*?\} (\w+);", r"x \1;", body, flags=re.S)
        for member in re.findall(r"(\w+)(?:\[[^\]]*\])?;", body):
            yield f"({name}, {member}", f"{name}.{member}"
    for body in re.findall(r"typedef enum \w+ \{(.*?)\n\}", text, flags=re.S):
        for constant in re.findall(r"(\w+)\s*(?:=\s*\w+\s*)?,", body):
            yield f"C({constant}", constant
    for constant in re.findall(r"\tX\((\w+), 0x", text):
        yield f"C({constant}", constant
    for constant in re.findall(r"^#define (\w+)[ \t]", text, flags=re.M):
        if constant not in OWN and not constant.endswith("_H"):
            yield f"C({constant}", constant


def main():
    here = pathlib.Path(__file__).parent
    table = (here / "layout_shared.h").read_text() + (here / "layout_own.h").read_text()
    table = re.sub(r"S\((\w+), \d+\)", r"S(\1)", table)
    found = [n for f in sorted((here / "../../include/vmq").glob("ndis_*.h")) if f.name != "ndis_vmq.h"
             for n in names(f.read_text())]
    missing = [label for key, label in found
               if not re.search(re.escape(key) + (r"\b" if key[-1] != ")" else ""), table)]
    by_name = (here / "../../src/vmqctl/layouts.h").read_text()
    vendor = [n for n in names((here / "../../include/vmq/ndis_vmq.h").read_text()) if not n[0].startswith("C(")]
    for key, label in found + vendor:
        structure, _, member = label.partition(".")
        if not key.startswith("(") or structure in NOT_CARRIED or (structure, member) in UNIONS:
            continue
        if not re.search(rf"M\({structure}, {re.escape(member)}, \w+\)", by_name):
            missing.append(f"{label} in layouts.h")
    print(f"{len(found)} names, {len(missing)} missing")
    for label in missing:
        print("missing:", label)
    return 1 if missing or len(found) < 800 else 0


sys.exit(main())
