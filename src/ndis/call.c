/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The requester's buffer: read by revisions, with every length checked before, and written within its bounds. Control
 * thread only.
 */
#include "ndis/keeper.h"

void ndis_set_needed(const struct ndis_call *c, uint32_t need)
{
	if (!c->req)
		return;
	switch (c->type) {
	case NdisRequestSetInformation:
		c->req->DATA.SET_INFORMATION.BytesNeeded = need;
		break;
	case NdisRequestMethod:
		c->req->DATA.METHOD_INFORMATION.BytesNeeded = need;
		break;
	default:
		c->req->DATA.QUERY_INFORMATION.BytesNeeded = need;
		break;
	}
}

void ndis_set_done(const struct ndis_call *c, uint32_t read, uint32_t written)
{
	if (!c->req)
		return;
	switch (c->type) {
	case NdisRequestSetInformation:
		c->req->DATA.SET_INFORMATION.BytesRead = read;
		break;
	case NdisRequestMethod:
		c->req->DATA.METHOD_INFORMATION.BytesRead = read;
		c->req->DATA.METHOD_INFORMATION.BytesWritten = written;
		break;
	default:
		c->req->DATA.QUERY_INFORMATION.BytesWritten = written;
		break;
	}
}

void ndis_put(const struct ndis_call *c, uint32_t offset, const void *src, uint32_t len)
{
	if (c->req && len)
		memcpy(c->buf + offset, src, len);
}

static NDIS_STATUS too_short(const struct ndis_call *c, uint32_t have, uint32_t need, const char *what)
{
	ndis_set_needed(c, need);
	return refuse(c, NDIS_STATUS_INVALID_LENGTH, "%s: the buffer has %u bytes, %u are needed", what, have, need);
}

NDIS_STATUS ndis_need_out(const struct ndis_call *c, uint32_t need, const char *what)
{
	return c->out_len < need ? too_short(c, c->out_len, need, what) : NDIS_STATUS_SUCCESS;
}

NDIS_STATUS ndis_need_in(const struct ndis_call *c, uint32_t need, const char *what)
{
	return c->in_len < need ? too_short(c, c->in_len, need, what) : NDIS_STATUS_SUCCESS;
}

NDIS_STATUS ndis_check_header(const struct ndis_call *c, const struct ndis_layout *l, const NDIS_OBJECT_HEADER *h)
{
	uint8_t rev = h->Revision < l->revisions ? h->Revision : l->revisions;

	if (h->Type != l->type)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: Header.Type is 0x%02X, 0x%02X is right", l->name,
			      h->Type, l->type);
	if (h->Revision == 0)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: Header.Revision is 0, 1 to %u are known", l->name,
			      l->revisions);
	if (h->Size < l->size[rev - 1])
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "%s: Header.Size is %u, revision %u has at least %u bytes", l->name, h->Size, h->Revision,
			      l->size[rev - 1]);
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS ndis_check_element(const struct ndis_call *c, const struct ndis_layout *l, const NDIS_OBJECT_HEADER *h,
			       uint32_t step)
{
	NDIS_STATUS status = ndis_check_header(c, l, h);

	if (status == NDIS_STATUS_SUCCESS && h->Size > step)
		status = refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: Header.Size is %u, an element has %u bytes",
				l->name, h->Size, step);
	return status;
}

NDIS_STATUS ndis_read(const struct ndis_call *c, const struct ndis_layout *l, void *dst, size_t size, uint8_t *rev)
{
	NDIS_OBJECT_HEADER h;
	NDIS_STATUS status;
	uint8_t r;

	memset(dst, 0, size);
	if (c->in_len < sizeof h)
		return too_short(c, c->in_len, l->size[0], l->name);
	memcpy(&h, c->buf, sizeof h);
	if (c->in_len < l->size[0]) {
		/* too short for any revision, whatever the header says; it still tells which was meant */
		r = h.Revision < l->revisions ? h.Revision : l->revisions;
		return too_short(c, c->in_len, l->size[h.Type == l->type && r ? r - 1 : 0], l->name);
	}
	r = h.Revision < l->revisions ? h.Revision : l->revisions;
	/* of a header that is right, the buffer's length comes before the header's own size */
	if (h.Type == l->type && r && c->in_len < l->size[r - 1])
		return too_short(c, c->in_len, l->size[r - 1], l->name);
	status = ndis_check_header(c, l, &h);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (h.Size > c->in_len)
		return too_short(c, c->in_len, h.Size, l->name);
	memcpy(dst, c->buf, l->size[r - 1]);
	ndis_header(dst, l->type, r, l->size[r - 1]);
	*rev = r;
	if (c->type == NdisRequestSetInformation)
		c->req->SupportedRevision = r; /* counts when the request succeeds */
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS ndis_answer(const struct ndis_call *c, uint32_t read, const void *src, uint32_t size, const char *what)
{
	NDIS_STATUS status = ndis_need_out(c, size, what);

	if (status != NDIS_STATUS_SUCCESS)
		return status;
	memcpy(c->buf, src, size);
	ndis_set_done(c, read, size);
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS ndis_array_room(const struct ndis_call *c, uint32_t head_size, uint64_t n, uint32_t element_size,
			    uint32_t *first, uint32_t *total, const char *what)
{
	uint64_t need;

	*first = n ? (head_size + 7) & ~7u : head_size;
	need = *first + n * element_size;
	if (need > UINT32_MAX)
		return refuse(c, NDIS_STATUS_RESOURCES, "%s: %llu elements do not fit a buffer", what,
			      (unsigned long long)n);
	*total = (uint32_t)need;
	return ndis_need_out(c, *total, what);
}
