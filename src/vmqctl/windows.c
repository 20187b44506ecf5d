/* SPDX-License-Identifier: BSD-3-Clause */
/* Rows with the columns of Get-NetAdapterVmq and its like (windows.h). */
#include "vmqctl/windows.h"

#include <string.h>

#include "vmqctl/json_list.h"
#include "vmqctl/table.h"

/* What a processor group of Windows holds at most, and always here. */
#define GROUP_CPUS 64

/* As jansson's "o" of json_pack() wants it: a value that is not there is null. */
static json_t *of(const json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	return value ? json_incref(value) : json_null();
}

/* "0:3": group and number. */
static json_t *processor(const json_t *cpu)
{
	json_int_t n = json_integer_value(cpu);

	if (!json_is_integer(cpu))
		return json_null();
	return json_sprintf("%" JSON_INTEGER_FORMAT ":%" JSON_INTEGER_FORMAT, n / GROUP_CPUS, n % GROUP_CPUS);
}

static bool is_mode(const json_t *adapter, const char *mode)
{
	const char *text = json_string_value(json_object_get(adapter, "mode"));

	return text && strcmp(text, mode) == 0;
}

static const json_t *first_worker(const json_t *workers)
{
	const json_t *w, *first = NULL;
	size_t i;

	json_array_foreach(workers, i, w)
	{
		const json_t *cpu = json_object_get(w, "cpu");

		if (!first || json_integer_value(cpu) < json_integer_value(first))
			first = cpu;
	}
	return first;
}

json_t *windows_vmq(const json_t *switches, const json_t *workers)
{
	json_t *rows = json_array();
	const json_t *sw;
	size_t i;

	json_array_foreach(switches, i, sw)
	{
		bool on = is_mode(sw, "VMQ") || is_mode(sw, "SR-IOV");
		/* VM queues, or on a switch the queue pairs that stand for them. */
		const char *queues = json_object_get(sw, "max_queues") ? "max_queues" : "max_queue_pairs";

		(void)json_array_append_new(rows, json_pack("{s:o, s:o, s:b, s:o, s:I, s:o}", "Name", of(sw, "adapter"),
			"InterfaceDescription", of(json_object_get(sw, "port"), "describe"), "Enabled", (int)on,
			"BaseVmqProcessor", processor(first_worker(workers)), "MaxProcessors",
			(json_int_t)json_array_size(workers), "NumberOfReceiveQueues", of(sw, queues)));
	}
	return rows;
}

/* A VM queue by its number, a VPort's queue pair as VPORT.PAIR. */
static json_t *queue_id(const json_t *queue)
{
	const json_t *number = json_object_get(queue, "queue"), *vport = json_object_get(queue, "vport_id");

	if (!json_is_integer(number) || !json_is_integer(vport))
		return of(queue, "queue");
	return json_sprintf("%" JSON_INTEGER_FORMAT ".%" JSON_INTEGER_FORMAT, json_integer_value(vport),
			    json_integer_value(number));
}

static void queue_row(json_t *rows, const json_t *queue, const json_t *filter)
{
	(void)json_array_append_new(rows, json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "Name", of(queue, "adapter"),
		"QueueID", queue_id(queue), "MacAddress", of(filter, "mac"), "VlanID", of(filter, "vlan"), "Processor",
		processor(json_object_get(queue, "cpu")), "VmFriendlyName", of(queue, "vport")));
}

static void vport_row(json_t *rows, const json_t *vport, const json_t *filter)
{
	(void)json_array_append_new(rows, json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "Name",
		of(vport, "adapter"), "ID", of(vport, "id"), "MacAddress", of(filter, "mac"), "VlanID",
		of(filter, "vlan"), "FID", of(vport, "function"), "State", of(vport, "state"), "ITR",
		of(vport, "moderation"), "QPairs", of(vport, "queue_pairs"), "Processor",
		processor(json_object_get(vport, "cpu")), "VmFriendlyName", of(vport, "name")));
}

/* A row for each filter with an address of a VM's own; one without an address where there is none. */
static json_t *by_filter(const json_t *list, void (*row)(json_t *rows, const json_t *element, const json_t *filter))
{
	json_t *rows = json_array();
	const json_t *element, *filter;
	size_t i, k, n;

	json_array_foreach(list, i, element)
	{
		n = 0;
		json_array_foreach(json_object_get(element, "macs"), k, filter)
		{
			if (json_list_is_group(filter))
				continue;
			row(rows, element, filter);
			n++;
		}
		if (!n)
			row(rows, element, NULL);
	}
	return rows;
}

json_t *windows_queues(const json_t *queues)
{
	return by_filter(queues, queue_row);
}

json_t *windows_vports(const json_t *vports)
{
	return by_filter(vports, vport_row);
}

/* What the adapter can is only to be seen while SR-IOV decides. */
static json_t *sriov_support(const json_t *sw)
{
	if (!is_mode(sw, "SR-IOV"))
		return json_null();
	return json_string(json_integer_value(json_object_get(sw, "max_vfs")) ? "Supported" : "NotSupported");
}

json_t *windows_sriov(const json_t *switches)
{
	json_t *rows = json_array();
	const json_t *sw;
	size_t i;

	json_array_foreach(switches, i, sw)
	{
		(void)json_array_append_new(rows, json_pack("{s:o, s:o, s:b, s:o, s:o, s:o}", "Name", of(sw, "adapter"),
			"InterfaceDescription", of(json_object_get(sw, "port"), "describe"), "Enabled",
			(int)is_mode(sw, "SR-IOV"), "SriovSupport", sriov_support(sw), "SwitchName", of(sw, "name"),
			"NumVFs", of(sw, "max_vfs")));
	}
	return rows;
}

void windows_print(FILE *out, const json_t *rows)
{
	json_t *first = json_array_get(rows, 0), *value, *row;
	struct table *t;
	const char *column;
	size_t i;

	if (!first)
		return;
	t = table_new();
	json_object_foreach(first, column, value) table_column(t, column, TABLE_LEFT);
	json_array_foreach(rows, i, row)
	{
		table_row(t);
		json_object_foreach(first, column, value)
		{
			if (json_is_boolean(json_object_get(row, column)))
				table_cell(t, "%s", json_is_true(json_object_get(row, column)) ? "True" : "False");
			else
				table_member(t, row, column);
		}
	}
	table_print(t, out);
}
