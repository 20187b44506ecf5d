/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control socket's clients: lines in, answers out, events to those who asked. A client is bounded in everything: a
 * line's length, what waits for it, and how many clients there are. One that does not read is asked nothing further;
 * one that lets events pile up is closed. Owned by the daemon; control thread.
 */
#ifndef VMQ_VMQD_SERVER_H
#define VMQ_VMQD_SERVER_H

#include <jansson.h>

#include "base/err.h"
#include "vmqd/loop.h"
#include "vmqd/rpc.h"

#define SERVER_MAX_CLIENTS 64u
#define SERVER_LONG_LINE   (1u << 20) /* bytes of a line that any client may send … */
#define SERVER_MAX_LONG	   4u         /* … and how many at a time may send longer ones */
#define SERVER_MAX_EVENTS  (4u << 20) /* bytes of events that may wait for a client */
#define SERVER_MAX_HOLDS   8u         /* of a client, see server_hold */

struct server;

/* `rpc` is copied. */
int server_create(struct loop *loop, const struct rpc *rpc, struct server **out);
/* Listens at the path (listen.h). 0 or -errno with the sentence. */
int server_listen(struct server *s, const char *path, unsigned mode, gid_t group, struct vmq_err *err);
/* Serves a connected stream socket whose peer is trusted already; takes it. 0 or -errno. */
int server_adopt(struct server *s, int fd);
/* Closes everything and unlinks the socket. NULL is allowed. */
void server_destroy(struct server *s);

/* From inside a method: this client gets events from now on. */
void server_subscribe(struct rpc_client *c);
bool server_has_subscribers(const struct server *s);
/* To every subscriber; takes the reference. May be called from inside a method. */
void server_event(struct server *s, json_t *params);

/*
 * What a client has as long as it is connected. From inside a method: `end` is called with `arg` when the client is gone,
 * or at server_release. false: it has SERVER_MAX_HOLDS already.
 */
bool server_hold(struct rpc_client *c, void (*end)(void *arg), void *arg);
/* From inside a method: ends the client's first hold with this `end` of which is(arg, what) (NULL: any). false: none. */
bool server_release(struct rpc_client *c, void (*end)(void *arg), bool (*is)(const void *arg, const void *what), const void *what);

/* From inside a method: a copy of the descriptor goes along with the answer (SCM_RIGHTS). 0, -EBUSY: one does already, or
 * -errno. */
int server_attach(struct rpc_client *c, int fd);

#endif
