/* SPDX-License-Identifier: MIT */
/*
 * Who is behind an address, as Docker's DNS tells it: a PTR of a task's address names
 * "SERVICE.SLOT.TASK.NETWORK", where SLOT is a number, or the node's id for a service in global
 * mode; a plain container's is "CONTAINER.NETWORK". A pure function over a name that somebody else
 * made (keeper): anything else is no task.
 */
#ifndef HIVEDOOR_DNS_TASK_NAME_H
#define HIVEDOOR_DNS_TASK_NAME_H

#include "base/str.h"
#include "dns/answer.h"

#include <stdbool.h>

/* Docker bounds a service's name by 63 bytes, an id has 25. */
#define TASK_NAME_SERVICE_MAX 64
#define TASK_NAME_TEXT_MAX    (TASK_NAME_SERVICE_MAX + 26)

struct task_name {
    bool is_task;                        /* else a container, or something that we do not know */
    char service[TASK_NAME_SERVICE_MAX]; /* lower case; empty without is_task */
    char text[TASK_NAME_TEXT_MAX];       /* "web.3"; without is_task the name's beginning */
};

/* Takes a PTR's name apart; false, and nothing written, when it holds a byte that no name has. */
bool task_name_parse(const struct answer_name *name, struct task_name *out_name);
/* Whether both are of one service; a container is of none but itself. */
bool task_name_same_service(const struct task_name *a, const struct task_name *b);

#endif
