import sys
from urllib.parse import quote_plus

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from cases import answer_lines, fits_latin_1


def fetch(case):
    client_id, client_secret = case["client_id"], case["client_secret"]
    if case["method"] == "client_secret_basic" and not fits_latin_1(client_id, client_secret):
        # Authlib sends Basic in Latin-1 and leaves the encoding of RFC 6749 to its user.
        client_id, client_secret = quote_plus(client_id), quote_plus(client_secret)
    session = OAuth2Session(
        client_id, client_secret, scope=case["scope"], token_endpoint_auth_method=case["method"]
    )
    try:
        return session.fetch_token(sys.argv[1], grant_type="client_credentials")
    except OAuthError as error:
        return {"error": error.error, "error_description": error.description}


answer_lines(fetch, "answer")
