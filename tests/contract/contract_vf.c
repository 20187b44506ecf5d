/* SPDX-License-Identifier: BSD-3-Clause */
/* VFs and the SR-IOV family: spec/10 §5.10 to §5.12, §6, spec/30 §4. */
#include "contract.h"

#include <errno.h>

#define OK  NDIS_STATUS_SUCCESS
#define BAD NDIS_STATUS_INVALID_PARAMETER

static void allocate_members(struct fix *f)
{
	NDIS_NIC_SWITCH_VF_PARAMETERS p;

	start_sriov(f);
#define REFUSE(changes)                                                                                                \
	do {                                                                                                           \
		p = vf_params();                                                                                       \
		changes;                                                                                               \
		assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_ALLOCATE_VF, &p, sizeof p), BAD);                   \
	} while (0)
	REFUSE(p.SwitchId = 1);
	REFUSE(p.VFId = 0);
	REFUSE(p.RequestorId = 0);
	REFUSE(p.MacAddressLength = 5);
	REFUSE(p.MacAddressLength = 32);
	REFUSE(p.PermanentMacAddress[0] = 1);
	REFUSE(memset(p.CurrentMacAddress, 0, 6));
	REFUSE(p.VMName.Length = 0xFFFF);
	REFUSE(p.NicName.Length = 7);
	assert_int_equal(f->m.vfs, 0);
}

static void exhausted(struct fix *f)
{
	NDIS_NIC_SWITCH_VF_PARAMETERS p = vf_params();

	fix_init(f);
	f->cfg.keywords.num_vfs = 3;
	fix_start(f);
	for (int i = 0; i < 3; i++)
		(void)make_vf(f);
	assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_ALLOCATE_VF, &p, sizeof p), NDIS_STATUS_RESOURCES);
	assert_non_null(strstr(f->err.text, "NumVFs"));
}

static void bad_vf_id(struct fix *f)
{
	NDIS_NIC_SWITCH_VF_PARAMETERS p = vf_params();

	start_sriov(f);
	(void)make_vf(f);
	f->m.same_vf = true;
	assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_ALLOCATE_VF, &p, sizeof p), NDIS_STATUS_FAILURE);
	assert_int_equal(info(f).faults, 1);
	assert_int_equal(info(f).num_vfs, 1);
	f->m.vfs--; /* the driver thinks it has two */
}

static NDIS_STATUS free_vf(struct fix *f, struct ndis_driver *d, unsigned vf)
{
	NDIS_NIC_SWITCH_FREE_VF_PARAMETERS p = free_vf_params(vf);

	return set(f, d, OID_NIC_SWITCH_FREE_VF, &p, 10);
}

static void life(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS c = vport_params();
	NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS del;
	NDIS_NIC_SWITCH_VF_PARAMETERS p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 1632 } };
	uint32_t vf, v, id;

	start_sriov(f);
	/* enabled, not allocated */
	assert_status(f, free_vf(f, f->d, 0), NDIS_STATUS_FILE_NOT_FOUND);
	assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_VF_PARAMETERS, &p, 1632), BAD);
	vf = make_vf(f);
	p.VFId = (NDIS_SRIOV_FUNCTION_ID)vf;
	assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_VF_PARAMETERS, &p, 1632), OK);
	memcpy(&p, f->buf, sizeof p);
	assert_int_equal(p.RequestorId, NDIS_MAKE_RID(0, 3, vf));
	assert_int_equal(p.CurrentMacAddress[5], 1);
	/* attached: active at once, one VPort only */
	v = make_vf_vport(f, vf);
	assert_int_equal(vport_info(f, v).VPortState, NdisNicSwitchVPortStateActivated);
	c.AttachedFunctionId = (NDIS_SRIOV_FUNCTION_ID)vf;
	c.VPortState = NdisNicSwitchVPortStateActivated;
	assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_CREATE_VPORT, &c, 572), BAD);
	assert_status(f, free_vf(f, f->d, vf), NDIS_STATUS_FILE_NOT_FOUND);
	/* carrying */
	id = make_filter(f, v, 0, mac(1), 0);
	assert_status(f, free_vf(f, f->d, vf), NDIS_STATUS_FILE_NOT_FOUND);
	clear_filter(f, 0, id);
	del = delete_params(v);
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_DELETE_VPORT, &del, 12), OK);
	assert_status(f, free_vf(f, f->other, vf), BAD);
	assert_status(f, free_vf(f, f->d, vf), OK);
	assert_int_equal(info(f).num_vfs, 0);
}

/* ---- spec/30 §4, a state each: every event in it ---- */

static NDIS_STATUS reset_vf(struct fix *f, uint32_t vf)
{
	NDIS_SRIOV_RESET_VF_PARAMETERS p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 6 },
					     .VFId = (NDIS_SRIOV_FUNCTION_ID)vf };

	return set(f, f->d, OID_SRIOV_RESET_VF, &p, 6);
}

static NDIS_STATUS set_power(struct fix *f, uint32_t vf, NDIS_DEVICE_POWER_STATE state)
{
	NDIS_SRIOV_SET_VF_POWER_STATE_PARAMETERS p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 13 },
						       .VFId = (NDIS_SRIOV_FUNCTION_ID)vf,
						       .PowerState = state };

	return set(f, f->d, OID_SRIOV_SET_VF_POWER_STATE, &p, 13);
}

static NDIS_STATUS create_on(struct fix *f, uint32_t vf)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS c = vport_params();

	c.AttachedFunctionId = (NDIS_SRIOV_FUNCTION_ID)vf;
	c.VPortState = NdisNicSwitchVPortStateActivated;
	return method_on(f, f->d, OID_NIC_SWITCH_CREATE_VPORT, &c, 572);
}

static NDIS_STATUS delete_vport(struct fix *f, uint32_t v)
{
	NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS p = delete_params(v);

	return set(f, f->d, OID_NIC_SWITCH_DELETE_VPORT, &p, 12);
}

static NDIS_STATUS move_filter(struct fix *f, uint32_t id, uint32_t from, uint32_t to)
{
	NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS p = move_params(id, from, to);

	return set(f, f->d, OID_RECEIVE_FILTER_MOVE_FILTER, &p, p.Header.Size);
}

/* What changes nothing in any state of an allocated VF, its VPort's state included. */
static void unchanged_by_reset_and_power(struct fix *f, uint32_t vf, uint32_t v, uint32_t filters)
{
	assert_status(f, reset_vf(f, vf), OK);
	for (int s = NdisDeviceStateD3; s >= NdisDeviceStateD0; s--) {
		assert_status(f, set_power(f, vf, (NDIS_DEVICE_POWER_STATE)s), OK);
		if (!v)
			continue;
		assert_int_equal(vport_info(f, v).VPortState, NdisNicSwitchVPortStateActivated);
		assert_int_equal(vport_info(f, v).NumFilters, filters);
		assert_int_equal(vport_info(f, v).AttachedFunctionId, vf);
	}
	assert_int_equal(switch_info(f).NumAllocatedVFs, 1);
}

static void must_be_enabled_only(struct fix *f, uint32_t vf)
{
	NDIS_NIC_SWITCH_VPORT_INFO_ARRAY e = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 28 },
					       .Flags = NDIS_NIC_SWITCH_VPORT_INFO_ARRAY_ENUM_ON_SPECIFIC_FUNCTION,
					       .AttachedFunctionId = (NDIS_SRIOV_FUNCTION_ID)vf };

	e.Header.Size = sizeof e;
	assert_status(f, create_on(f, vf), BAD);
	assert_status(f, free_vf(f, f->d, vf), NDIS_STATUS_FILE_NOT_FOUND);
	assert_status(f, reset_vf(f, vf), BAD);
	assert_status(f, set_power(f, vf, NdisDeviceStateD0), BAD);
	assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_ENUM_VPORTS, &e, sizeof e), BAD);
	assert_int_equal(switch_info(f).NumAllocatedVFs, 0);
}

static void enabled(struct fix *f)
{
	uint32_t vf;

	start_sriov(f);
	must_be_enabled_only(f, 0);
	vf = make_vf(f);
	assert_status(f, free_vf(f, f->d, vf), OK);
	must_be_enabled_only(f, vf);
}

static void allocated(struct fix *f)
{
	uint32_t vf;

	start_sriov(f);
	vf = make_vf(f);
	unchanged_by_reset_and_power(f, vf, 0, 0);
	assert_status(f, free_vf(f, f->d, vf), OK);
}

static void attached(struct fix *f)
{
	uint32_t vf, v;

	start_sriov(f);
	vf = make_vf(f);
	v = make_vf_vport(f, vf);
	assert_status(f, create_on(f, vf), BAD);
	assert_status(f, free_vf(f, f->d, vf), NDIS_STATUS_FILE_NOT_FOUND);
	unchanged_by_reset_and_power(f, vf, v, 0);
	assert_status(f, delete_vport(f, v), OK);
	/* allocated again, and for another VPort */
	assert_status(f, create_on(f, vf), OK);
}

static void carrying(struct fix *f)
{
	uint32_t vf, v, id;

	start_sriov(f);
	vf = make_vf(f);
	v = make_vf_vport(f, vf);
	id = make_filter(f, v, 0, mac(1), 0);
	assert_status(f, create_on(f, vf), BAD);
	assert_status(f, free_vf(f, f->d, vf), NDIS_STATUS_FILE_NOT_FOUND);
	assert_status(f, delete_vport(f, v), BAD);
	unchanged_by_reset_and_power(f, vf, v, 1);
	clear_filter(f, 0, id);
	assert_int_equal(vport_info(f, v).NumFilters, 0);
	assert_status(f, delete_vport(f, v), OK);
	assert_status(f, free_vf(f, f->d, vf), OK);
}

/* The documented sequences: a VM goes from the default VPort to a VF, and back. */
static void set_up_and_teardown(struct fix *f)
{
	uint32_t id, vf, v;

	start_sriov(f);
	id = make_filter(f, 0, 0, mac(1), 0);
	vf = make_vf(f);
	v = make_vf_vport(f, vf);
	assert_status(f, move_filter(f, id, 0, v), OK);
	assert_int_equal(vport_info(f, v).NumFilters, 1);
	assert_status(f, move_filter(f, id, 0, v), BAD); /* it is not there any more */
	assert_status(f, move_filter(f, id, v, 0), OK);
	assert_int_equal(vport_info(f, v).NumFilters, 0);
	assert_status(f, delete_vport(f, v), OK);
	assert_status(f, reset_vf(f, vf), OK);
	assert_status(f, free_vf(f, f->d, vf), OK);
	clear_filter(f, 0, id);
}

static void immutable(struct fix *f)
{
	NDIS_NIC_SWITCH_VF_PARAMETERS p = vf_params();

	start_sriov(f);
	p.VFId = (NDIS_SRIOV_FUNCTION_ID)make_vf(f);
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_VF_PARAMETERS, &p, sizeof p), NDIS_STATUS_NOT_SUPPORTED);
}

static void allocator_leaves(struct fix *f)
{
	uint32_t vf;

	start_sriov(f);
	vf = make_vf(f);
	assert_int_equal(ndis_driver_close(f->d, &f->err), -EBUSY);
	assert_non_null(strstr(f->err.text, "1 VFs"));
	assert_status(f, free_vf(f, f->other, vf), BAD);
	assert_status(f, free_vf(f, f->d, vf), OK);
	assert_int_equal(ndis_driver_close(f->d, &f->err), 0);
}

/* A reset or a power state is one VF's: the driver is asked about that one only. */
static void only_this_vf(struct fix *f)
{
	uint32_t a, b;

	start_sriov(f);
	a = make_vf(f);
	b = make_vf(f);
	(void)make_vf_vport(f, a);
	assert_status(f, reset_vf(f, b), OK);
	assert_int_equal(((const NDIS_SRIOV_RESET_VF_PARAMETERS *)(void *)f->m.last)->VFId, b);
	assert_status(f, set_power(f, b, NdisDeviceStateD3), OK);
	assert_int_equal(((const NDIS_SRIOV_SET_VF_POWER_STATE_PARAMETERS *)(void *)f->m.last)->VFId, b);
}

static void enum_vfs(struct fix *f)
{
	NDIS_NIC_SWITCH_VF_INFO_ARRAY p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 24 } };

	start_sriov(f);
	(void)make_vf(f);
	(void)make_vf(f);
	memcpy(f->buf, &p, 24);
	assert_status(f, method(f, f->d, OID_NIC_SWITCH_ENUM_VFS, 24, 24 + 2 * 1632 - 1), NDIS_STATUS_INVALID_LENGTH);
	assert_int_equal(f->done, 24 + 2 * 1632);
	assert_status(f, method(f, f->d, OID_NIC_SWITCH_ENUM_VFS, 24, 24 + 2 * 1632), OK);
	memcpy(&p, f->buf, 24);
	assert_int_equal(p.NumElements, 2);
	assert_int_equal(p.FirstElementOffset, 24);
	p.SwitchId = 3;
	assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_ENUM_VFS, &p, 24), BAD);
}

/* Every request that names a VF, on one that is not allocated. */
static void not_allocated(struct fix *f)
{
	start_sriov(f);
	for (size_t i = 0; i < common_row_count; i++) {
		const struct common_row *r = &common_rows[i];

		if (strncmp(r->row, "spec10_6_", 9) != 0 || !r->size[0])
			continue;
		(void)r->ready(f);
		f->buf[4] = 0x77; /* VFId, behind the header in all of them */
		f->m.oid = 0;
		if (r->type == NdisRequestMethod)
			assert_status(f, method(f, r->flags & COMMON_NDIS ? f->ndis : f->d, r->oid, 64, 64), BAD);
		else
			assert_status(f, set(f, f->d, r->oid, f->buf, 64), BAD);
		assert_int_equal(f->m.oid, 0);
	}
}

static void config_space(struct fix *f)
{
	NDIS_SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS good = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 20 },
							    .Offset = 8,
							    .Length = 4,
							    .BufferOffset = 30 },
						   p;

	start_sriov(f);
	good.VFId = (NDIS_SRIOV_FUNCTION_ID)make_vf(f);
	memset(f->buf, 0xEE, 64);
	memcpy(f->buf, &good, 20);
	assert_status(f, method(f, f->d, OID_SRIOV_READ_VF_CONFIG_SPACE, 20, 34), OK);
	assert_int_equal(f->done, 34);
	assert_memory_equal(f->buf + 30, "\x08\x09\x0a\x0b", 4);
	assert_int_equal(f->buf[29], 0xEE);
	assert_int_equal(f->buf[34], 0xEE);
	assert_status(f, method(f, f->d, OID_SRIOV_READ_VF_CONFIG_SPACE, 20, 33), NDIS_STATUS_INVALID_LENGTH);
	assert_int_equal(f->done, 34);
#define REFUSE_CONFIG(oid, changes)                                                                                    \
	do {                                                                                                           \
		p = good;                                                                                              \
		changes;                                                                                               \
		memcpy(f->buf, &p, 20);                                                                                \
		assert_status(f, method(f, f->d, oid, 20, 8192), BAD);                                                 \
	} while (0)
	REFUSE_CONFIG(OID_SRIOV_READ_VF_CONFIG_SPACE, p.Length = 0);
	REFUSE_CONFIG(OID_SRIOV_READ_VF_CONFIG_SPACE, p.Offset = 4093);
	REFUSE_CONFIG(OID_SRIOV_READ_VF_CONFIG_SPACE, p.Offset = 0xFFFFFFFF);
	REFUSE_CONFIG(OID_SRIOV_READ_VF_CONFIG_SPACE, p.Length = 0xFFFFFFFF);
	REFUSE_CONFIG(OID_SRIOV_READ_VF_CONFIG_SPACE, p.BufferOffset = 19);
	REFUSE_CONFIG(OID_SRIOV_READ_VF_CONFIG_SPACE, p.BufferOffset = 0xFFFFFFFF);
	REFUSE_CONFIG(OID_SRIOV_READ_VF_CONFIG_BLOCK, p.Length = 0xFFFFFFFF);
	/* what is written reaches the driver at its own offset */
	memcpy(f->buf, &good, 20);
	memcpy(f->buf + 30, "abcd", 4);
	assert_status(f, set(f, f->d, OID_SRIOV_WRITE_VF_CONFIG_BLOCK, f->buf, 34), OK);
	memcpy(&p, f->m.last, sizeof p);
	assert_memory_equal(f->m.last + p.BufferOffset, "abcd", 4);
	assert_status(f, set(f, f->d, OID_SRIOV_WRITE_VF_CONFIG_BLOCK, f->buf, 33), NDIS_STATUS_INVALID_LENGTH);
	assert_int_equal(f->done, 34);
}

static void power(struct fix *f)
{
	NDIS_SRIOV_SET_VF_POWER_STATE_PARAMETERS p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 13 } };

	start_sriov(f);
	p.VFId = (NDIS_SRIOV_FUNCTION_ID)make_vf(f);
	for (int s = 0; s <= 5; s++) {
		p.PowerState = (NDIS_DEVICE_POWER_STATE)s;
		p.WakeEnable = 0;
		assert_status(f, set(f, f->d, OID_SRIOV_SET_VF_POWER_STATE, &p, 13), s >= 1 && s <= 4 ? OK : BAD);
		p.WakeEnable = 1;
		assert_status(f, set(f, f->d, OID_SRIOV_SET_VF_POWER_STATE, &p, 13), s >= 2 && s <= 4 ? OK : BAD);
		p.WakeEnable = 0xFE; /* a BOOLEAN: the driver sees 1 */
		assert_status(f, set(f, f->d, OID_SRIOV_SET_VF_POWER_STATE, &p, 13), s >= 2 && s <= 4 ? OK : BAD);
		if (!remote && s >= 2 && s <= 4)
			assert_int_equal(f->m.last[12], 1);
	}
}

static void bars(struct fix *f)
{
	NDIS_SRIOV_BAR_RESOURCES_INFO p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 12 }, .BarIndex = 6 };

	start_sriov(f);
	p.VFId = (NDIS_SRIOV_FUNCTION_ID)make_vf(f);
	memcpy(f->buf, &p, 12);
	assert_status(f, method(f, f->ndis, OID_SRIOV_BAR_RESOURCES, 12, 32), BAD);
	assert_status(f, query(f, f->ndis, OID_SRIOV_PROBED_BARS, 32), OK);
	assert_int_equal(((NDIS_SRIOV_PROBED_BARS_INFO *)(void *)f->buf)->BaseRegisterValuesOffset, 8);
	assert_memory_equal(f->buf, "\x80\x01\x08\x00", 4);
	p.BarIndex = 5;
	memcpy(f->buf, &p, 12);
	assert_status(f, method(f, f->ndis, OID_SRIOV_BAR_RESOURCES, 12, 32), OK);
	assert_int_equal(((NDIS_SRIOV_BAR_RESOURCES_INFO *)(void *)f->buf)->BarResourcesOffset, 12);
	assert_int_equal(((NDIS_SRIOV_BAR_RESOURCES_INFO *)(void *)f->m.last)->BarIndex, 5);
}

static void invalidate(struct fix *f)
{
	uint32_t vf;

	start_sriov(f);
	vf = make_vf(f);
	assert_int_equal(f->m.up->invalidate_config_block(f->a, (NDIS_SRIOV_FUNCTION_ID)vf, 5), OK);
	assert_int_equal(f->m.up->invalidate_config_block(f->a, (NDIS_SRIOV_FUNCTION_ID)vf, 8), OK);
	assert_int_equal(f->invalidations, 2);
	assert_int_equal(f->mask, 13);
	assert_int_equal(ndis_vf_take_invalidated(f->a, (NDIS_SRIOV_FUNCTION_ID)vf), 13);
	assert_int_equal(ndis_vf_take_invalidated(f->a, (NDIS_SRIOV_FUNCTION_ID)vf), 0);
	assert_int_equal(f->m.up->invalidate_config_block(f->a, 9, 1), BAD);
}

/* An adapter that is itself a VF. */
static void vf_adapter(struct fix *f)
{
	NDIS_SRIOV_VF_INVALIDATE_CONFIG_BLOCK_INFO p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 16 },
							 .BlockMask = 6 };
	NDIS_SRIOV_VF_SERIAL_NUMBER_INFO s;

	fix_init(f);
	f->cfg.keywords.sriov = f->cfg.keywords.vmq = 0;
	f->cfg.vf_serial_number = 4711;
	f->m.no_filter = true;
	f->m.sriov.SriovCapabilities = NDIS_SRIOV_CAPS_SRIOV_SUPPORTED | NDIS_SRIOV_CAPS_VF_MINIPORT;
	fix_start(f);
	assert_status(f, query(f, f->d, OID_SRIOV_VF_SERIAL_NUMBER, 8), OK);
	memcpy(&s, f->buf, 8);
	assert_int_equal(s.SerialNumber, 4711);
	assert_status(f, query(f, f->d, OID_SRIOV_VF_SERIAL_NUMBER, 7), NDIS_STATUS_INVALID_LENGTH);
	assert_status(f, method_on(f, f->ndis, OID_SRIOV_VF_INVALIDATE_CONFIG_BLOCK, &p, 16), OK);
	assert_status(f, set(f, f->ndis, OID_SRIOV_VF_INVALIDATE_CONFIG_BLOCK, &p, 16), OK);
	assert_int_equal(f->m.oid, OID_SRIOV_VF_INVALIDATE_CONFIG_BLOCK);
	assert_int_equal(f->done, 16);
	assert_int_equal(((const NDIS_SRIOV_VF_INVALIDATE_CONFIG_BLOCK_INFO *)(const void *)f->m.last)->BlockMask, 6);
	assert_memory_equal(&s.Header, "\x80\x01\x08\x00", 4);
	assert_int_equal(f->m.up->enable_virtualization(f->a, 1, 0, 0, 1), NDIS_STATUS_NOT_SUPPORTED);
	assert_status(f, set(f, f->ndis, OID_SRIOV_VF_INVALIDATE_CONFIG_BLOCK, &p, 15), NDIS_STATUS_INVALID_LENGTH);
	assert_status(f, query(f, f->d, OID_SRIOV_PF_LUID, 12), NDIS_STATUS_NOT_SUPPORTED);
}

static void pf_is_no_vf(struct fix *f)
{
	start_sriov(f);
	assert_status(f, query(f, f->d, OID_SRIOV_VF_SERIAL_NUMBER, 8), NDIS_STATUS_NOT_SUPPORTED);
}

static void virtualization(struct fix *f)
{
	start_sriov(f);
	assert_int_equal(f->m.up->enable_virtualization(f->a, 4, 1, 0, 1), BAD);
	assert_int_equal(f->m.up->enable_virtualization(f->a, 4, 0, 1, 1), BAD);
	assert_int_equal(f->m.up->enable_virtualization(f->a, 17, 0, 0, 1), BAD);
	assert_int_equal(f->m.up->enable_virtualization(f->a, 1, 0, 0, 0), BAD);
	assert_int_equal(f->m.up->enable_virtualization(f->a, 4, 0, 0, 1), OK);
	assert_int_equal(f->m.up->enable_virtualization(f->a, 4, 0, 0, 1), NDIS_STATUS_FAILURE);
	assert_int_equal(f->m.up->enable_virtualization(f->a, 0, 0, 0, 0), OK);
}

static void virtualization_off(struct fix *f)
{
	start_vmq(f);
	assert_int_equal(f->m.up->enable_virtualization(f->a, 4, 0, 0, 1), NDIS_STATUS_NOT_SUPPORTED);
}

const struct contract_case vf_cases[] = {
	{ "spec10_5.10_allocate_vf_invalid_parameter_members", allocate_members },
	{ "spec70_Q6_vfs_exhausted", exhausted },
	{ "spec10_2_vf_id_from_driver", bad_vf_id },
	{ "spec30_4_life", life },
	{ "spec30_4_enabled", enabled },
	{ "spec30_4_allocated", allocated },
	{ "spec30_4_attached", attached },
	{ "spec30_4_carrying", carrying },
	{ "spec30_4_set_up_and_teardown", set_up_and_teardown },
	{ "spec30_4_parameters_immutable", immutable },
	{ "spec30_4_allocator_leaves", allocator_leaves },
	{ "spec30_4_only_this_vf", only_this_vf },
	{ "spec10_5.11_free_vf_file_not_found", life },
	{ "spec10_5.12_enum_vfs_invalid_parameter_switch", enum_vfs },
	{ "spec10_6_vf_not_allocated", not_allocated },
	{ "spec10_6_config_space_members", config_space },
	{ "spec10_6_set_vf_power_state_invalid_parameter_states", power },
	{ "spec70_Q42_probed_bars", bars },
	{ "spec10_6_vf_invalidate_config_block_masks", invalidate },
	{ "spec10_6_vf_serial_number", vf_adapter },
	{ "spec10_6_vf_serial_number_not_supported", pf_is_no_vf },
	{ "spec10_5.2_enable_virtualization", virtualization },
	{ "spec10_5.2_enable_virtualization_not_supported", virtualization_off },
};
const size_t vf_count = sizeof vf_cases / sizeof vf_cases[0];
