/* SPDX-License-Identifier: MIT */
/*
 * OpenSSL's error queue, read in one place. Every module of this floor empties the queue after a
 * call that failed, so that a full look at the queue is paid for by errors only. A call that
 * succeeded may leave something behind too, which SSL_get_error would take for the next
 * connection's: streams forget it before they begin. Any process; logs nothing.
 */
#ifndef HIVEDOOR_TLS_TLS_ERR_H
#define HIVEDOOR_TLS_TLS_ERR_H

/* Takes the first error of the queue and empties the queue; 0 if there was none. */
unsigned long tls_err_take(void);
/* Empties the queue where something was left; a glance where nothing was. */
void tls_err_forget(void);
/* "unsupported protocol"; "" for 0, "unknown error" where OpenSSL has no text. Static storage. */
const char *tls_err_text(unsigned long code);

#endif
