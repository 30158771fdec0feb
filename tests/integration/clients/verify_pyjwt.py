import sys

import jwt

from cases import answer_lines

with open(sys.argv[1], encoding="utf-8") as file:
    KEYS = {key.key_id: key.key for key in jwt.PyJWKSet.from_json(file.read()).keys}


def verify(case):
    try:
        header = jwt.get_unverified_header(case["token"])
        claims = jwt.decode(
            case["token"],
            KEYS[header["kid"]],
            algorithms=[case["alg"]],
            issuer=case["iss"],
            audience=case["aud"],
            options={"require": ["iss", "sub", "aud", "iat", "jti"]},
        )
    except (jwt.InvalidTokenError, KeyError) as error:
        return {"refused": repr(error)}
    return {"header": header, "claims": claims}


answer_lines(verify, "answer")
