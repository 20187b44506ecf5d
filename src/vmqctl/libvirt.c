/* SPDX-License-Identifier: BSD-3-Clause */
/* libvirt's files of domains (libvirt.h). libxml2 reads them, without network and with its limits. libvirt writes no
 * DTD; a file with one is passed over, so that no entity is ever expanded. */
#include "vmqctl/libvirt.h"

#include <dirent.h>
#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILES 65536

/* libvirt's notation: the kernel's, and "^2" takes a CPU out again. */
static bool parse_cpuset(const char *text, struct host_cpus *out)
{
	char copy[4096], *rest = copy, *part;
	struct host_cpus without = { { 0 } }, some;

	*out = without;
	if (snprintf(copy, sizeof copy, "%s", text) >= (int)sizeof copy)
		return false;
	while ((part = strsep(&rest, ",")) != NULL) {
		bool out_again = *part == '^';
		struct host_cpus *to = out_again ? &without : out;

		if (!*part || !host_cpus_parse(part + out_again, &some))
			return false;
		for (unsigned i = 0; i < HOST_MAX_CPUS / 64; i++)
			to->bits[i] |= some.bits[i];
	}
	for (unsigned i = 0; i < HOST_MAX_CPUS / 64; i++)
		out->bits[i] &= ~without.bits[i];
	return host_cpus_count(out) > 0;
}

static xmlXPathObjectPtr find(xmlXPathContextPtr at, const char *path)
{
	xmlXPathObjectPtr found = xmlXPathEvalExpression((const xmlChar *)path, at);

	if (found && (found->type != XPATH_NODESET || xmlXPathNodeSetIsEmpty(found->nodesetval))) {
		xmlXPathFreeObject(found);
		return NULL;
	}
	return found;
}

/* The text of the first such attribute or element; free it with xmlFree. */
static char *text_of(xmlXPathContextPtr at, const char *path)
{
	xmlXPathObjectPtr found = find(at, path);
	xmlChar *text = found ? xmlNodeGetContent(found->nodesetval->nodeTab[0]) : NULL;

	xmlXPathFreeObject(found);
	return (char *)text;
}

static char *attribute(xmlNodePtr node, const char *name)
{
	return (char *)xmlGetProp(node, (const xmlChar *)name);
}

static void put_vcpu(struct host_guest *g, unsigned long vcpu, const char *cpuset)
{
	struct host_cpus cpus;

	if (!cpuset || vcpu >= HOST_MAX_VCPUS || !parse_cpuset(cpuset, &cpus))
		return;
	for (unsigned i = 0; i < g->nvcpus; i++) {
		if (g->vcpu[i].vcpu != vcpu)
			continue;
		g->vcpu[i].cpus = cpus; /* said for this one: better than for all */
		return;
	}
	if (g->nvcpus < HOST_MAX_VCPUS) {
		g->vcpu[g->nvcpus].vcpu = (unsigned)vcpu;
		g->vcpu[g->nvcpus++].cpus = cpus;
	}
}

static void read_vcpus(xmlXPathContextPtr at, struct host_guest *g)
{
	char *count = text_of(at, "//domain/vcpu"), *all = text_of(at, "//domain/vcpu/@cpuset");
	unsigned long n = count ? strtoul(count, NULL, 10) : 0;
	xmlXPathObjectPtr pins = find(at, "//domain/cputune/vcpupin");

	for (unsigned long i = 0; all && i < n && i < HOST_MAX_VCPUS; i++)
		put_vcpu(g, i, all);
	for (int i = 0; pins && i < pins->nodesetval->nodeNr; i++) {
		char *vcpu = attribute(pins->nodesetval->nodeTab[i], "vcpu");
		char *cpuset = attribute(pins->nodesetval->nodeTab[i], "cpuset");

		if (vcpu && *vcpu >= '0' && *vcpu <= '9')
			put_vcpu(g, strtoul(vcpu, NULL, 10), cpuset);
		xmlFree(vcpu);
		xmlFree(cpuset);
	}
	xmlXPathFreeObject(pins);
	xmlFree(count);
	xmlFree(all);
}

static int memory_node(xmlXPathContextPtr at)
{
	char *nodes = text_of(at, "//domain/numatune/memory/@nodeset");
	struct host_cpus set;
	int node = -1;

	if (nodes && parse_cpuset(nodes, &set) && host_cpus_count(&set) == 1)
		while (!host_cpus_has(&set, (unsigned)++node))
			;
	xmlFree(nodes);
	return node < (int)HOST_MAX_NODES ? node : -1;
}

static void read_domain(xmlXPathContextPtr at, struct host_guest *g, libvirt_guest_fn *fn, void *ctx)
{
	xmlXPathObjectPtr sockets = find(at, "//domain/devices/interface[@type='vhostuser']/source/@path");

	if (!sockets)
		return;
	g->nvcpus = 0;
	g->node = memory_node(at);
	read_vcpus(at, g);
	for (int i = 0; i < sockets->nodesetval->nodeNr; i++) {
		xmlChar *path = xmlNodeGetContent(sockets->nodesetval->nodeTab[i]);

		if (path && (g->nvcpus || g->node >= 0))
			fn(ctx, (const char *)path, g);
		xmlFree(path);
	}
	xmlXPathFreeObject(sockets);
}

static void read_file(const char *root, const char *dir, const char *name, struct host_guest *g, libvirt_guest_fn *fn,
		      void *ctx)
{
	char *text = host_read_all(root, "%s/%s", dir, name);
	xmlXPathContextPtr at = NULL;
	xmlDocPtr doc = NULL;

	if (text)
		doc = xmlReadMemory(text, (int)strlen(text), name, NULL,
				    XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	if (doc && !xmlGetIntSubset(doc))
		at = xmlXPathNewContext(doc);
	if (at)
		read_domain(at, g, fn, ctx);
	xmlXPathFreeContext(at);
	xmlFreeDoc(doc);
	free(text);
}

static void read_directory(const char *root, const char *dir, struct host_guest *g, libvirt_guest_fn *fn, void *ctx)
{
	const struct dirent *d;
	char path[PATH_MAX];
	unsigned n = 0;
	DIR *open;

	(void)snprintf(path, sizeof path, "%s/%s", root, dir);
	open = opendir(path);
	if (!open)
		return;
	while ((d = readdir(open)) != NULL && n++ < MAX_FILES) {
		size_t len = strlen(d->d_name);

		if (len > 4 && strcmp(d->d_name + len - 4, ".xml") == 0)
			read_file(root, dir, d->d_name, g, fn, ctx);
	}
	(void)closedir(open);
}

void libvirt_guests(const char *root, libvirt_guest_fn *fn, void *ctx)
{
	struct host_guest *g = malloc(sizeof *g);

	if (!g)
		return;
	read_directory(root, "run/libvirt/qemu", g, fn, ctx);
	read_directory(root, "etc/libvirt/qemu", g, fn, ctx);
	free(g);
	xmlCleanupParser();
}
