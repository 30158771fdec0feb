"""PyJWT's own client of a JWK Set. For each token on standard input writes its kid, if it is good."""

import json
import sys
from urllib.request import urlopen

import jwt

ISSUER = sys.argv[1]

with urlopen(ISSUER + "/.well-known/openid-configuration") as answer:
    KEYS = jwt.PyJWKClient(json.load(answer)["jwks_uri"])

for line in sys.stdin:
    token = line.strip()
    key = KEYS.get_signing_key_from_jwt(token)
    jwt.decode(token, key.key, algorithms=["ES256", "RS256", "EdDSA"], issuer=ISSUER, audience=ISSUER)
    print(key.key_id, flush=True)
