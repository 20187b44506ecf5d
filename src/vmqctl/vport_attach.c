/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmqctl vport show NAME --libvirt|--qemu: what the VM's side needs to be attached to a VPort, as libvirt's XML or as
 * QEMU's arguments. Asks vport.show once and writes text; starts and changes nothing. Every text of the daemon goes
 * through the escape of the language it is put into, and one with control characters is refused.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "vmqctl/cmd.h"
#include "vmqctl/json_list.h"
#include "vmqctl/table.h"

#define QUEUES_MAX 0x8000 /* of a virtio-net device */

struct attachment {
	const char *name, *mac, *socket;
	bool listens; /* the VM's side does, and vmqd connects */
	json_int_t queues;
};

/* A sentence that names the VPort. */
static bool refuse(const char *name, const char *why)
{
	(void)fputs("vmqctl: ", stderr);
	text_print(stderr, name);
	(void)fprintf(stderr, ": %s\n", why);
	return false;
}

/* What no line of a terminal and no XML document may hold: control characters of ASCII and of Latin 1 (U+0080 to
 * U+009F), U+FFFE and U+FFFF. */
static bool is_plain(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0))
			return false;
		if (*p == 0xef && p[1] == 0xbf && p[2] >= 0xbe)
			return false;
	}
	return true;
}

static bool attachment_of(const json_t *vport, struct attachment *a)
{
	const char *mode = json_string_value(json_object_get(vport, "socket_mode"));
	const json_t *filter = json_list_main_filter(json_object_get(vport, "macs"), NULL);

	a->name = json_string_value(json_object_get(vport, "name"));
	a->mac = json_string_value(json_object_get(filter, "mac"));
	a->socket = json_string_value(json_object_get(vport, "socket"));
	a->listens = mode && strcmp(mode, "client") == 0;
	a->queues = json_integer_value(json_object_get(vport, "queue_pairs"));
	if (!a->name)
		return refuse("vmqd", "its answer names no VPort");
	if (json_integer_value(json_object_get(vport, "id")) == 0)
		return refuse(a->name, "the default VPort is the host's own: no VM can be attached to it");
	if (!a->socket)
		return refuse(a->name, "it has no socket to attach a VM to: it was made by requests of the contract, "
				       "not with vmqctl vport add");
	if (!a->mac || json_list_is_group(filter))
		return refuse(a->name, "it has no filter with an address of its own that the VM could have; "
				       "vmqctl filter add gives it one");
	if (a->queues < 1 || a->queues > QUEUES_MAX)
		return refuse(a->name, "its queue_pairs is not a number of queues");
	if (!is_plain(a->name) || !is_plain(a->mac) || !is_plain(a->socket))
		return refuse(a->name, "its name, address or socket has a control character");
	return true;
}

/* Between single quotes. */
static void xml_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			(void)fputs("&amp;", out);
			break;
		case '<':
			(void)fputs("&lt;", out);
			break;
		case '>':
			(void)fputs("&gt;", out);
			break;
		case '\'':
			(void)fputs("&apos;", out);
			break;
		default:
			(void)fputc(*text, out);
		}
	}
}

static char *libvirt_xml(const struct attachment *a)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	(void)fputs("<!-- The switch reads the VM's memory, so the domain must share it (beside <devices>):\n"
		    "     <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking> -->\n"
		    "<interface type='vhostuser'>\n  <mac address='", out);
	xml_text(out, a->mac);
	(void)fputs("'/>\n  <source type='unix' path='", out);
	xml_text(out, a->socket);
	if (a->listens)
		(void)fputs("' mode='server'/>\n", out);
	else
		(void)fputs("' mode='client'>\n    <reconnect enabled='yes' timeout='1'/>\n  </source>\n", out);
	(void)fputs("  <model type='virtio'/>\n", out);
	if (a->queues > 1)
		(void)fprintf(out, "  <driver queues='%" JSON_INTEGER_FORMAT "'/>\n", a->queues);
	(void)fputs("</interface>\n", out);
	(void)fclose(out);
	return text;
}

/* Appends the text; each "%" is the next of the values, in which QEMU takes a comma only when it is doubled. */
static void add_argument(json_t *list, const char *text, ...)
{
	char *argument = NULL;
	size_t size;
	FILE *out = open_memstream(&argument, &size);
	va_list values;

	if (!out)
		return;
	va_start(values, text);
	for (; *text; text++) {
		if (*text != '%') {
			(void)fputc(*text, out);
			continue;
		}
		for (const char *v = va_arg(values, const char *); *v; v++)
			(void)fputs(*v == ',' ? ",," : (const char[]){ *v, '\0' }, out);
	}
	va_end(values);
	(void)fclose(out);
	(void)json_array_append_new(list, json_string(argument));
	free(argument);
}

static json_t *qemu_arguments(const struct attachment *a)
{
	json_t *list = json_array();
	char queues[32], vectors[32];

	(void)snprintf(queues, sizeof queues, "%" JSON_INTEGER_FORMAT, a->queues);
	/* One each for the rings, the control ring and the configuration. */
	(void)snprintf(vectors, sizeof vectors, "%" JSON_INTEGER_FORMAT, 2 * a->queues + 2);
	add_argument(list, "-m");
	add_argument(list, "1G");
	add_argument(list, "-object");
	add_argument(list, "memory-backend-memfd,id=vmq-mem,size=1G,share=on");
	add_argument(list, "-machine");
	add_argument(list, "memory-backend=vmq-mem");
	add_argument(list, "-chardev");
	add_argument(list, a->listens ? "socket,id=vmq-%-char,path=%,server=on,wait=off" :
					"socket,id=vmq-%-char,path=%,reconnect=1", a->name, a->socket);
	add_argument(list, "-netdev");
	add_argument(list, "vhost-user,id=vmq-%,chardev=vmq-%-char,queues=%", a->name, a->name, queues);
	add_argument(list, "-device");
	add_argument(list, a->queues > 1 ? "virtio-net-pci,netdev=vmq-%,mac=%,mq=on,vectors=%" :
					   "virtio-net-pci,netdev=vmq-%,mac=%", a->name, a->mac, vectors);
	return list;
}

/* As a word of the shell. */
static void shell_word(const char *word)
{
	if (!word[strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.,:/=+-")]) {
		(void)fputs(word, stdout);
		return;
	}
	(void)putchar('\'');
	for (; *word; word++)
		if (*word == '\'')
			(void)fputs("'\\''", stdout);
		else
			(void)putchar(*word);
	(void)putchar('\'');
}

/* An option and its value a line. */
static void print_arguments(const json_t *list)
{
	const json_t *argument;
	size_t i;

	json_array_foreach(list, i, argument)
	{
		shell_word(json_string_value(argument));
		(void)putchar(i % 2 ? '\n' : ' ');
	}
}

static void print_as_json(const struct cmd_options *opt, const char *key, json_t *value)
{
	json_t *object = json_pack("{s:o}", key, value);
	char *text = json_dumps(object, JSON_COMPACT);

	if (text)
		cmd_print_json(stdout, opt, text);
	free(text);
	json_decref(object);
}

static void print_attachment(const struct cmd_options *opt, const struct attachment *a)
{
	char *xml;

	if (opt->attach == CMD_ATTACH_LIBVIRT) {
		xml = libvirt_xml(a);
		if (opt->json)
			print_as_json(opt, "libvirt", json_string(xml));
		else if (xml)
			(void)fputs(xml, stdout);
		free(xml);
	} else {
		json_t *list = qemu_arguments(a);

		if (!opt->json)
			print_arguments(list);
		else
			print_as_json(opt, "qemu", json_incref(list));
		json_decref(list);
	}
}

int cmd_vport_attach(struct vmq_client *client, const struct cmd_options *opt, const char *params)
{
	struct vmq_error err = VMQ_ERROR_INIT;
	struct attachment a;
	char *answer = NULL;
	json_t *result;
	int rc = vmq_call(client, "vport.show", params, &answer, &err);

	if (rc)
		return cmd_failed(opt, rc, &err);
	result = json_loads(answer, 0, NULL);
	free(answer);
	if (attachment_of(json_array_get(json_object_get(result, "vports"), 0), &a))
		print_attachment(opt, &a);
	else
		rc = CMD_REFUSED;
	json_decref(result);
	return rc;
}
