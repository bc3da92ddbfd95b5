/* SPDX-License-Identifier: MIT */
#include "daemon/role.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

/* argv[0] the name, argv[1] "@role", then index, slots, form, level, parent, config, local CA. */
enum {
    ARG_ROLE = 1,
    ARG_INDEX,
    ARG_SLOTS,
    ARG_FORM,
    ARG_LEVEL,
    ARG_PARENT,
    ARG_CONFIG,
    ARG_CA,
    ARGS
};

#define NUMBER_MAX 24

static const char *const role_words[ROLE_COUNT] = {
    [ROLE_SUPERVISOR] = "@supervisor",
    [ROLE_LOADER] = "@loader",
    [ROLE_KEEPER] = "@keeper",
    [ROLE_WORKER] = "@worker",
};

const char *role_name(enum role role, unsigned index, char dst[static ROLE_NAME_MAX])
{
    if (role == ROLE_WORKER) {
        (void)snprintf(dst, ROLE_NAME_MAX, "worker-%u", index);
    } else {
        (void)str_copy(dst, ROLE_NAME_MAX, str_of(role_words[role] + 1));
    }
    return dst;
}

size_t role_slot(const struct role_args *a)
{
    REQUIRE(a->role != ROLE_LOADER);
    if (a->role == ROLE_WORKER) {
        return ROLE_SLOT_WORKERS + a->index;
    }
    return a->role == ROLE_KEEPER ? ROLE_SLOT_KEEPER : ROLE_SLOT_SUPERVISOR;
}

void role_argv(const struct role_args *a, char text[static ROLE_TEXT_MAX],
               const char *out_argv[static ROLE_ARGC_MAX])
{
    const long long numbers[] = {
        [ARG_INDEX] = a->index,      [ARG_SLOTS] = a->slots,   [ARG_FORM] = (int)a->form,
        [ARG_LEVEL] = (int)a->level, [ARG_PARENT] = a->parent,
    };
    char name[ROLE_NAME_MAX];
    char *at = text;

    (void)snprintf(at, ROLE_NAME_MAX + NUMBER_MAX, "hivedoor: %s",
                   role_name(a->role, a->index, name));
    out_argv[0] = at;
    at += strlen(at) + 1;
    out_argv[ARG_ROLE] = role_words[a->role];
    for (size_t i = ARG_INDEX; i <= ARG_PARENT; i++) {
        (void)snprintf(at, NUMBER_MAX, "%lld", numbers[i]);
        out_argv[i] = at;
        at += strlen(at) + 1;
    }
    out_argv[ARG_CONFIG] = a->config == NULL ? "" : a->config;
    out_argv[ARG_CA] = a->local_ca == NULL ? "" : a->local_ca;
    out_argv[ARGS] = NULL;
}

bool role_is_hidden(int argc, char *const argv[])
{
    return argc > ARG_ROLE && argv[ARG_ROLE][0] == '@';
}

static int parse_role(const char *word, enum role *out_role)
{
    for (size_t i = ROLE_LOADER; i < ROLE_COUNT; i++) {
        if (strcmp(word, role_words[i]) == 0) {
            *out_role = (enum role)i;
            return OK;
        }
    }
    return ERR_SYNTAX;
}

int role_parse(int argc, char *const argv[], struct role_args *out_args)
{
    static const uint64_t most[] = {
        [ARG_INDEX] = ROLE_WORKERS_MAX - 1,
        [ARG_SLOTS] = ROLE_SLOT_WORKERS + ROLE_WORKERS_MAX,
        [ARG_FORM] = LOG_TEXT,
        [ARG_LEVEL] = LOG_ERROR,
        [ARG_PARENT] = INT32_MAX,
    };
    uint64_t numbers[ARG_PARENT + 1];
    enum role role;

    if (argc != ARGS || parse_role(argv[ARG_ROLE], &role) != OK) {
        return ERR_SYNTAX;
    }
    for (size_t i = ARG_INDEX; i <= ARG_PARENT; i++) {
        if (str_to_u64(str_of(argv[i]), most[i], &numbers[i]) != OK) {
            return ERR_SYNTAX;
        }
    }
    *out_args = (struct role_args){
        .role = role,
        .index = (unsigned)numbers[ARG_INDEX],
        .slots = (unsigned)numbers[ARG_SLOTS],
        .form = (enum log_form)numbers[ARG_FORM],
        .level = (enum log_level)numbers[ARG_LEVEL],
        .parent = (pid_t)numbers[ARG_PARENT],
        .config = argv[ARG_CONFIG][0] == 0 ? NULL : argv[ARG_CONFIG],
        .local_ca = argv[ARG_CA][0] == 0 ? NULL : argv[ARG_CA],
    };
    return OK;
}
