/* SPDX-License-Identifier: BSD-3-Clause */
/* A port for tests: frames put in by the test come in, frames sent out are kept for it. */
#ifndef VMQ_TESTS_FAKE_PORT_H
#define VMQ_TESTS_FAKE_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include "port/port.h"

struct fake_port {
	struct port port;
	struct fake_port_state *s;
};

struct fake_port *fake_port_new(void);
void fake_port_free(struct fake_port *p);
/* The frame comes in, as it is, or with its tag taken out of the bytes as kernels do. */
void fake_port_put(struct fake_port *p, const void *frame, uint32_t len);
void fake_port_put_tagged(struct fake_port *p, const void *frame, uint32_t len);
/* The frame comes in with something left to others, or found valid. */
void fake_port_put_vnet(struct fake_port *p, const void *frame, uint32_t len, const struct virtio_net_hdr *vnet);
/* What was left to the port in the frame that fake_port_get gave last. */
const struct virtio_net_hdr *fake_port_vnet(const struct fake_port *p);
/* Waits up to ten seconds for a frame that went out; its length, 0: none came. */
uint32_t fake_port_get(struct fake_port *p, uint8_t *out);
/* How often it was asked for frames that came in. */
uint64_t fake_port_asked(const struct fake_port *p);
/* True when nothing has gone out for 30 ms. */
bool fake_port_is_empty(struct fake_port *p);

#endif
