"""Authlib's resource protector. JWTBearerTokenValidator demands a claim grant_type, which no token has, so that it is an
option less here. Started with the issuer and a port; "introspect" after them: the issuer is asked."""
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import requests
from authlib.jose import JsonWebKey
from authlib.jose import JsonWebToken
from authlib.jose.errors import JoseError
from authlib.oauth2 import OAuth2Error, ResourceProtector
from authlib.oauth2.rfc6750 import BearerTokenValidator, InvalidTokenError
from authlib.oauth2.rfc7523.validator import JWTBearerToken
from authlib.oauth2.rfc7662 import IntrospectTokenValidator

issuer, port = sys.argv[1:3]
metadata = requests.get(issuer + "/.well-known/openid-configuration", timeout=30).json()
essential = {"essential": True}
# Named, as otherwise Authlib 1.6 takes a token of the algorithm "none" for a good one.
jwt = JsonWebToken(["ES256", "RS256", "EdDSA"])
OPTIONS = {"exp": essential, "client_id": essential, "iss": {"essential": True, "value": issuer},
           "aud": {"essential": True, "value": issuer}}


class Published(BearerTokenValidator):
    """By the published keys, fetched again when the kid is unknown."""

    keys = None

    def find_key(self, header, _):
        try:
            return self.keys.find_by_kid(header["kid"])
        except (AttributeError, KeyError, ValueError):
            self.keys = JsonWebKey.import_key_set(requests.get(metadata["jwks_uri"], timeout=30).json())
        return self.keys.find_by_kid(header.get("kid"))

    def authenticate_token(self, token_string):
        try:
            claims = jwt.decode(token_string, self.find_key, claims_options=OPTIONS, claims_cls=JWTBearerToken)
            claims.validate()
            return claims if claims.header.get("typ") == "at+jwt" else None
        except (JoseError, ValueError):
            return None


class Asking(IntrospectTokenValidator):
    def introspect_token(self, token_string):
        return requests.post(metadata["introspection_endpoint"], auth=("api", "api-secret"),
                             data={"token": token_string}, timeout=30).json()

    def validate_token(self, token, scopes, request):
        super().validate_token(token, scopes, request)
        if token["aud"] != issuer or token["exp"] < time.time():
            raise InvalidTokenError()


class Request:
    def __init__(self, headers):
        self.headers = headers


protector = ResourceProtector()
protector.register_token_validator(Asking() if "introspect" in sys.argv[3:] else Published())


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            protector.validate_request(["read"], Request(self.headers))
            status = 200
        except OAuth2Error as error:
            status = error.status_code
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


HTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()
