/* SPDX-License-Identifier: MIT */
/*
 * OpenSSL's error queue, read in one place. Every module of this floor empties the queue after a
 * call that failed and never before one, so that a full look at the queue is paid for by errors
 * only. Any process; logs nothing.
 */
#ifndef HIVEDOOR_TLS_TLS_ERR_H
#define HIVEDOOR_TLS_TLS_ERR_H

/* Takes the first error of the queue and empties the queue; 0 if there was none. */
unsigned long tls_err_take(void);
/* "unsupported protocol"; "" for 0, "unknown error" where OpenSSL has no text. Static storage. */
const char *tls_err_text(unsigned long code);

#endif
