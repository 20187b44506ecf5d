/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libvmq: a NIC switch (vmqd) controlled from C.
 *
 * A client is one connection to the daemon's control socket. Requests and answers are JSON text, the methods are those
 * of docs/rpc.md, so this interface does not change when the daemon learns a new one; vmq_oid_request() carries the
 * exact binary buffers of the NDIS contract instead (<vmq/ndis.h> has the structures).
 *
 * Threads: a client belongs to one thread at a time; different clients are independent. Nothing here starts a thread,
 * touches a signal or changes a global state. SIGPIPE is never raised.
 *
 * Results: every call returns
 *   0            done
 *   VMQ_REFUSED  the daemon answered, and the answer is an error: `struct vmq_error` has its code and sentence
 *   -errno       there is no answer: -ENOENT, -ECONNREFUSED (no daemon), -EACCES, -ETIMEDOUT, -EPROTO (the daemon said
 *                something that is not its protocol), -EMSGSIZE (a line too long), -ECONNRESET (it closed),
 *                -EINVAL (a parameter here), -ENOMEM; the sentence is in `struct vmq_error` likewise.
 * After -ETIMEDOUT, -EPROTO, -EMSGSIZE (an answer's) and -ECONNRESET the connection is closed, because what came next
 * could belong to an old request: further calls return -ENOTCONN, and vmq_disconnect() is what remains to be done.
 */
#ifndef VMQ_VMQ_H
#define VMQ_VMQ_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VMQ_DEFAULT_SOCKET "/run/vmq/vmqd.sock"
#define VMQ_SOCKET_ENV	   "VMQ_SOCKET"
#define VMQ_REQUEST_MAX	   16777216 /* bytes of one request as a line, newline included */
#define VMQ_ANSWER_MAX	   33554432 /* bytes of one answer or event, likewise */
#define VMQ_TIMEOUT_MS	   10000    /* of a call, unless vmq_set_timeout() says otherwise */

#define VMQ_REFUSED 1

/* Codes of vmq_error.code: the daemon's (docs/rpc.md), the first five as in JSON-RPC 2.0. */
enum vmq_error_code {
	VMQ_ERROR_NONE = 0,	       /* no answer of the daemon's: see the sentence and the function's -errno */
	VMQ_ERROR_PARSE = -32700,      /* not JSON */
	VMQ_ERROR_REQUEST = -32600,    /* not a request */
	VMQ_ERROR_METHOD = -32601,     /* no such method */
	VMQ_ERROR_PARAMETERS = -32602, /* bad parameters: `field` names the one */
	VMQ_ERROR_REFUSED = 1,	       /* the contract or the data path said no */
	VMQ_ERROR_NOT_FOUND = 2,
	VMQ_ERROR_EXISTS = 3,
	VMQ_ERROR_LIMIT = 4,
	VMQ_ERROR_FAILED = 5, /* a system error of the daemon's */
};

/*
 * What went wrong. The caller's; filled by a call that does not return 0, cleared by one that does. `size` lets the
 * structure grow: start with VMQ_ERROR_INIT, and the library writes no more than that. Strings are empty where the
 * daemon said nothing, cut where it said too much, always ended by a NUL.
 */
struct vmq_error {
	size_t size;
	int code;	   /* enum vmq_error_code, or a number of a newer daemon's */
	char message[512]; /* a sentence that names the field and what would be right */
	char field[128];   /* the parameter it is about */
	char status[64];   /* "NDIS_STATUS_…", where the contract refused */
	char oid[64];	   /* "OID_…", the request that was refused */
};

/* clang-format off */
#define VMQ_ERROR_INIT { sizeof(struct vmq_error), VMQ_ERROR_NONE, "", "", "", "" }
/* clang-format on */

struct vmq_client;

/*
 * Connects. path: the control socket; NULL: the environment's VMQ_SOCKET if set and not empty, else VMQ_DEFAULT_SOCKET.
 * On success *client is the caller's until vmq_disconnect(); otherwise it is NULL. err may be NULL here and below.
 */
int vmq_connect(const char *path, struct vmq_client **client, struct vmq_error *err);

/*
 * As vmq_connect, which waits VMQ_TIMEOUT_MS for a daemon that does not take connections: this waits timeout_ms (0: without
 * limit), and calls of the client may take as long, until vmq_set_timeout().
 */
int vmq_connect_within(const char *path, unsigned int timeout_ms, struct vmq_client **client, struct vmq_error *err);

/* Closes and frees. NULL is allowed. */
void vmq_disconnect(struct vmq_client *client);

/* How long a call may take in all, in milliseconds; 0: without limit. */
void vmq_set_timeout(struct vmq_client *client, unsigned int ms);

/*
 * One request and its answer. method: as in docs/rpc.md. params: the text of a JSON object, or NULL for none. On
 * success *result is the answer's `result` as JSON text on one line, to be freed with free(); otherwise NULL. result
 * may be NULL when only the outcome matters. -EBUSY on a client that vmq_monitor() made a monitor.
 */
int vmq_call(struct vmq_client *client, const char *method, const char *params, char **result, struct vmq_error *err);

/*
 * As vmq_call, for methods whose answer comes with a descriptor: *fd is the caller's to close, -1 when none came. What the
 * descriptor of `capture.start` and `trace.start` leads to is in <vmq/tap.h>; they last until this client disconnects.
 */
int vmq_call_fd(struct vmq_client *client, const char *method, const char *params, char **result, int *fd,
		struct vmq_error *err);

/*
 * Makes this client a monitor: from now on it receives the daemon's events and nothing else (calls go over another
 * client). What happens after the return is not missed as long as the monitor reads what comes.
 */
int vmq_monitor(struct vmq_client *client, struct vmq_error *err);

/*
 * The next event of a monitor: *event is its `params` as JSON text on one line (`time`, `event`, …), to be freed with
 * free(). Waits up to timeout_ms (0: only looks, negative: without limit). -EAGAIN: none in that time, and the
 * monitor is as good as before; -EINTR: a signal came while waiting, likewise. -EINVAL: not a monitor.
 */
int vmq_next_event(struct vmq_client *client, int timeout_ms, char **event, struct vmq_error *err);

/*
 * The connection's descriptor, for poll() (POLLIN): when it is readable, call vmq_next_event(client, 0, …) until it
 * returns -EAGAIN. It stays the library's: don't read, write or close it. -1 when the connection is closed.
 */
int vmq_fd(const struct vmq_client *client);

/* NDIS_REQUEST_TYPE's values (spec/10-oids.md §2). */
enum vmq_oid_type {
	VMQ_OID_QUERY = 0,
	VMQ_OID_SET = 1,
	VMQ_OID_STATISTICS = 2, /* the query of user mode: only what user mode may ask */
	VMQ_OID_METHOD = 12,
};

#define VMQ_OID_VPORT_ID_VALID 1 /* NDIS_OID_REQUEST_FLAGS_VPORT_ID_VALID: vport_id counts */

#define VMQ_OID_INPUT_MAX  491520   /* bytes; in hexadecimal that fits a request … */
#define VMQ_OID_OUTPUT_MAX 15728640 /* … and that an answer */

/*
 * One NDIS_OID_REQUEST. The first block goes in, the second comes out. `buffer` is the InformationBuffer, with the
 * structures' documented x86-64 layout; it is the caller's, and holds max(input_length, output_length) bytes.
 * RequestId, RequestHandle and Timeout of an NDIS_OID_REQUEST stay with the requester, so they are not here: a client
 * has one request under way, and vmq_set_timeout() bounds it. MethodId is 0.
 *   query:  output_length = InformationBufferLength; input_length 0, or what the buffer already holds where the
 *           request's page says that it is read
 *   set:    input_length = InformationBufferLength; output_length 0
 *   method: both, as in DATA.METHOD_INFORMATION
 */
struct vmq_oid_request {
	size_t size;	     /* sizeof(struct vmq_oid_request) */
	const char *adapter; /* NULL where there is only one */
	uint32_t type;	     /* enum vmq_oid_type */
	uint32_t oid;
	void *buffer;
	uint32_t input_length;
	uint32_t output_length;
	uint32_t port_number; /* of NDIS: 0, the adapter's default one */
	uint32_t switch_id;   /* with VPORT_ID_VALID: 0, the only switch */
	uint32_t vport_id;    /* with VPORT_ID_VALID: the VPort that a request of RSS is about (spec/50 §7, §9) */
	uint32_t flags;	      /* VMQ_OID_VPORT_ID_VALID or 0 */

	int32_t status;		/* NDIS_STATUS */
	uint32_t bytes_read;	/* meaningful after success */
	uint32_t bytes_written; /* likewise; buffer holds that many */
	uint32_t bytes_needed;	/* meaningful after NDIS_STATUS_INVALID_LENGTH */
	uint8_t supported_revision; /* after a successful set: the structure's revision that was understood */
};

/*
 * Carries out one request. 0: it was carried out and `status` says how it ended (also when that is no success; err is
 * then filled with the daemon's sentence, if it has one). VMQ_REFUSED: it did not get that far (no such adapter).
 * -EINVAL: a length over its limit, an unknown type, or no buffer.
 */
int vmq_oid_request(struct vmq_client *client, struct vmq_oid_request *request, struct vmq_error *err);

/*
 * What an adapter's driver sends up without being asked: a status indication (spec/10-oids.md §8), with `status` and
 * its buffer as it came; or the request that NDIS makes of a VF's driver when the PF's driver invalidates configuration
 * blocks, with `oid` OID_SRIOV_VF_INVALIDATE_CONFIG_BLOCK, `vf_id` and an NDIS_SRIOV_VF_INVALIDATE_CONFIG_BLOCK_INFO.
 * `buffer` is the caller's and has `room` bytes; the rest is filled.
 */
struct vmq_indication {
	size_t size; /* sizeof(struct vmq_indication) */
	void *buffer;
	uint32_t room;

	uint32_t length;  /* StatusBufferSize: bytes written to buffer */
	int32_t status;	  /* StatusCode: NDIS_STATUS_RECEIVE_QUEUE_STATE, …; 0 with an `oid` */
	uint32_t oid;	  /* 0 with a `status` */
	uint32_t vf_id;	  /* of `oid` */
	char adapter[65]; /* whose it is */
};

#define VMQ_INDICATION_MAX 4096 /* bytes; no indication of this contract has more */

/*
 * What an event of vmq_next_event() carries of the contract, with its exact bytes. 0: `indication` is filled.
 * -ENOMSG: the event is about something else. -EMSGSIZE: `room` is too small; `length` says what is needed, and all but
 * the buffer is filled. -EPROTO: it is no event of this daemon's. -EINVAL: size, or no buffer. Any thread.
 */
int vmq_event_indication(const char *event, struct vmq_indication *indication, struct vmq_error *err);

#ifdef __cplusplus
}
#endif

#endif
