/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Values as people write them: MAC addresses, VLAN tests, moderation levels, workers' policies. Pure functions, any thread.
 */
#ifndef VMQ_VMQD_TEXT_H
#define VMQ_VMQD_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "nic/nic.h"
#include "stack/stack.h"

#define MAC_TEXT_SIZE 18

/* Six pairs of hexadecimal digits with ':' or '-' between, nothing else. */
bool mac_parse(const char *s, uint8_t out[6]);
void mac_format(const uint8_t mac[6], char out[MAC_TEXT_SIZE]);
/* A new JSON string of it. */
json_t *mac_json(const uint8_t mac[6]);
/* A new number, "untagged" or "any". */
json_t *vlan_json(const struct stack_vlan *v);

/* NULL-terminated names and, in the same order, the contract's values. */
extern const char *const moderation_names[];
extern const uint32_t moderation_values[];
/* "unknown" for a value that has no name. */
const char *moderation_name(uint32_t value);
/* A worker's policies by name, NULL-terminated, in the order of enum nic_policy. */
extern const char *const policy_names[];
/* Likewise of enum nic_light_sleep. */
extern const char *const light_sleep_names[];

#endif
