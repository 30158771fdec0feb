/* The steps through the web server, in a process that has no more rights than the service. */
#include "doctor/web.h"

#include <unistd.h>

#include "process/privilege.h"

/* What comes from a network is not read with root's rights. */
static void give_up_root(const struct doctor *doctor)
{
    struct diagnostics quiet = {.on_message = diagnostics_ignore};
    if (doctor->config != NULL)
        privilege_become(doctor->config, &quiet);
}

static void look_through_web(void *context, struct findings *findings)
{
    const struct doctor *doctor = context;
    struct probe probe;
    give_up_root(doctor);
    if (probe_init(&probe, doctor, findings) && web_reach(&probe)) {
        web_health(&probe);
        web_request(&probe);
        web_body(&probe);
        web_published(&probe);
        web_clock(&probe);
        web_token(&probe);
    }
    probe_free(&probe);
}

void doctor_web(struct doctor *doctor)
{
    if (doctor->config == NULL && doctor->url == NULL) {
        findings_add(doctor->findings, STEP_CONNECTION, FINDING_NOTE,
                     "without a configuration or --url there is no address to look at");
        return;
    }
    findings_of_child(doctor->findings, STEP_CONNECTION, look_through_web, doctor);
}
