/* SPDX-License-Identifier: BSD-3-Clause */
/* vf.show (docs/rpc.md): the VFs that are allocated, by whomever. */
#include <stdlib.h>

#include "vmqd/methods.h"
#include "vmqd/text.h"
#include "vmqd/vf_socket.h"

/* The requester id as PCI addresses are written: segment:bus:device.function. */
static json_t *pci_json(uint32_t rid)
{
	return json_sprintf("%04x:%02x:%02x.%x", rid >> 16, rid >> 8 & 0xff, rid >> 3 & 0x1f, rid & 7);
}

static json_t *vf_json(struct adapter *a, const struct stack_vf_info *vf)
{
	static const char *const states[] = {
		[STACK_VF_ALLOCATED] = "allocated", [STACK_VF_ATTACHED] = "attached", [STACK_VF_CARRYING] = "carrying"
	};
	struct softnic_vf_info own = { .power = NdisDeviceStateD0 };
	json_t *out;

	(void)softnic_vf_info(a->soft, vf->id, &own);
	out = json_pack("{s:i, s:s, s:I, s:o, s:o, s:o, s:s, s:o, s:s}", "vf", (int)vf->id, "adapter", a->cfg->name, "rid",
			(json_int_t)vf->rid, "pci", pci_json(vf->rid), "pci_id",
			json_sprintf("%04x:%04x", own.vendor, own.device), "mac", mac_json(vf->mac), "state",
			states[vf->state], "power", json_sprintf("D%d", (int)own.power - NdisDeviceStateD0), "vm", vf->vm);
	if (!vf->vport)
		return out;
	(void)json_object_set_new(out, "vport", json_string(vport_name_of(a, vf->vport)));
	(void)json_object_set_new(out, "vport_id", json_integer(vf->vport));
	(void)json_object_set_new(out, "queue_pairs", json_integer(vf->queue_pairs));
	vf_socket_describe(a, vf->vport, out);
	return out;
}

int method_vf_show(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	struct daemon *d = ctx;
	struct selection sel;
	json_t *list;

	(void)client;
	if (select_shown(d, p, NULL, &sel, e) < 0)
		return -1;
	list = json_array();
	for (size_t i = 0; i < d->nadapters; i++) {
		struct adapter *a = &d->adapters[i];
		struct stack_vf_info *vfs;
		size_t n;

		if (!selection_has(&sel, a))
			continue;
		if (stack_vf_list(a->stack, &vfs, &n, e) < 0) {
			json_decref(list);
			return -1;
		}
		for (size_t k = 0; k < n; k++)
			(void)json_array_append_new(list, vf_json(a, &vfs[k]));
		free(vfs);
	}
	*result = json_pack("{s:o}", "vfs", list);
	return 0;
}
