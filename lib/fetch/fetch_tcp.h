/* SPDX-License-Identifier: MIT */
/* Inside lib/fetch only. */
#ifndef FETCH_FETCH_TCP_H
#define FETCH_FETCH_TCP_H

#include <stdint.h>

/* Bytes that have come over this connection so far; 0: not known. */
uint64_t fetch_tcp_received(int fd);

#endif
