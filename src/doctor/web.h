/* The steps that go through the web server. Each adds what it finds to probe->findings. */
#ifndef DOCTOR_WEB_H
#define DOCTOR_WEB_H

#include "doctor/probe.h"

/* Names, connects, verifies the certificate, and finds the endpoints. Returns whether token.fcgi answers. The
 * answer of …/health is the last answer then. */
bool web_reach(struct probe *probe);

/* What token.fcgi itself says in …/health, the last answer: who it takes the client for, whether it sees
 * HTTPS, whether it runs with the configuration that the doctor has looked at. */
void web_health(struct probe *probe);

/* Whether the parts of a request arrive. No request has a client_id of the accounts file, and none has its
 * secret verified, so that no failure is counted. */
void web_request(struct probe *probe);
void web_body(struct probe *probe);

void web_published(struct probe *probe);
void web_clock(struct probe *probe);

/* Fetches a token for doctor->client_id, if the accounts file says that it would get one: otherwise it would
 * be a failure of a real client. */
void web_token(struct probe *probe);

#endif
