import sys

from oauthlib.oauth2 import BackendApplicationClient, OAuth2Error
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from cases import answer_lines, fits_latin_1


def basic(client_id, client_secret):
    """requests sends a string in Latin-1, and bytes as they are."""
    if fits_latin_1(client_id, client_secret):
        return HTTPBasicAuth(client_id, client_secret)
    return HTTPBasicAuth(client_id.encode(), client_secret.encode())


def fetch(case):
    client_id, client_secret = case["client_id"], case["client_secret"]
    session = OAuth2Session(client=BackendApplicationClient(client_id, scope=case["scope"]))
    how = {
        "client_secret_basic": lambda: {"auth": basic(client_id, client_secret)},
        "client_secret_post": lambda: {"include_client_id": True, "client_secret": client_secret},
    }[case["method"]]()
    try:
        return session.fetch_token(sys.argv[1], **how)
    except OAuth2Error as error:
        # Its status_code is a constant of the error's class, not the answer's.
        return {"error": error.error, "error_description": error.description}


answer_lines(fetch, "answer")
