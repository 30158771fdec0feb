/* The constant answer of the programs that token.fcgi is measured against: as long as a real one. */
#ifndef CONSTANT_H
#define CONSTANT_H

#define CONSTANT_TOKEN                                                                                       \
    "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6IkhBc3k5Vk1kX1lJZ1d0d1JKTGtWbEJkX2t1Nl9CYk1TNHlXb2dG"   \
    "TW1Yc0kifQ.eyJpc3MiOiJodHRwczovL2FwaS5leGFtcGxlLmNvbS9hcGlvcHMvYXV0aCIsInN1YiI6ImRlbW8iLCJjbGllbnRf"    \
    "aWQiOiJkZW1vIiwiYXVkIjoiaHR0cHM6Ly9hcGkuZXhhbXBsZS5jb20vYXBpb3BzL2F1dGgiLCJpYXQiOjE3OTU0ODU0MDAsImV4"   \
    "cCI6MTc5NTQ4OTAwMCwianRpIjoiSTVraWU4LUtzVzI5Ym9lNGNjb1dIZyIsInNjb3BlIjoicmVhZCB3cml0ZSJ9.ZQzVhEXv3Jk"   \
    "b7sHk1c0oKAjkPZ1bDqLxYbMGnJ1yKdE"

#define CONSTANT_JSON                                                                                        \
    "{\"access_token\":\"" CONSTANT_TOKEN                                                                    \
    "\",\"token_type\":\"Bearer\",\"expires_in\":3600,\"scope\":\"read write\"}"

#define CONSTANT_HEADERS                                                                                     \
    "Status: 200 OK\r\nContent-Type: application/json;charset=UTF-8\r\nCache-Control: no-store\r\nPragma: "  \
    "no-cache\r\n\r\n"

#endif
