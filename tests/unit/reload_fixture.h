/* A reload handle for the token.conf in the test's folder. */
#ifndef RELOAD_FIXTURE_H
#define RELOAD_FIXTURE_H

#include "service_fixture.h"

#include "service/reload.h"

static inline struct reload *open_reload(void)
{
    struct service *service = load_token_conf();
    struct reload *reload = reload_new(service);
    assert_non_null(reload);
    return reload;
}

static inline size_t accounts_in_force(struct reload *reload)
{
    struct service *service = reload_current(reload);
    const size_t count = account_table_count(service->accounts);
    service_release(service);
    return count;
}

#endif
