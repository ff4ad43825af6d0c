"""Authlib, as a server-side web application in Python."""

import os
import sys
from urllib.parse import parse_qs, urlsplit

import requests
from authlib.integrations.requests_client import OAuth2Session, OAuthError
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

import cases

URL = os.environ["NEXUS_URL"]
CALLBACK = "https://rp.example/callback"
# What stands before this system in production is TLS; the library refuses to go without unless it is told.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
METADATA = requests.get(f"{URL}/.well-known/openid-configuration", timeout=30).json()


def sign_in():
    body = {"email": os.environ["NEXUS_EMAIL"], "password": os.environ["NEXUS_PASSWORD"], "refresh_token": "body"}
    reply = requests.post(f"{URL}/api/auth/login", json=body, timeout=30)
    reply.raise_for_status()
    return {"Authorization": f"Bearer {reply.json()['access_token']}"}


def application(**changes):
    body = {
        "name": "Authlib",
        "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "client_secret_basic",
        "scopes": ["openid", "profile", "email", "user-auth"],
        "grant_types": ["authorization_code", "refresh_token"],
        **changes,
    }
    reply = requests.post(f"{URL}/api/auth/v2/applications", json=body, headers=sign_in(), timeout=30)
    reply.raise_for_status()
    return reply.json()


def session(app, **options):
    options = {"scope": "openid email", "redirect_uri": CALLBACK, **options}
    return OAuth2Session(
        app["client_id"],
        app.get("client_secret"),
        token_endpoint_auth_method=app["token_endpoint_auth_method"],
        code_challenge_method="S256",
        **options,
    )


def answer(address):
    """What the browser and the person do between the application's request and its answer."""
    brought = requests.get(address, allow_redirects=False, timeout=30)
    assert brought.status_code == 303, brought.text
    request = parse_qs(urlsplit(brought.headers["location"]).query)["request"][0]
    cookie = brought.headers["set-cookie"].split(";")[0]
    path = f"{URL}/api/auth/v2/authorizations/{request}/approve"
    reply = requests.post(path, headers={**sign_in(), "Cookie": cookie}, timeout=30)
    reply.raise_for_status()
    return reply.json()["redirect_to"]


def signed_in(client, **parameters):
    verifier = "v" * 64
    address, state = client.create_authorization_url(
        METADATA["authorization_endpoint"], code_verifier=verifier, **parameters
    )
    return client.fetch_token(
        METADATA["token_endpoint"], authorization_response=answer(address), state=state, code_verifier=verifier
    )


def code_flow_with_an_id_token_that_validates():
    app = application()
    client = session(app)
    token = signed_in(client, nonce="n-1")
    keys = KeySet.import_key_set(requests.get(METADATA["jwks_uri"], timeout=30).json())
    options = {
        "iss": {"essential": True, "value": METADATA["issuer"]},
        "aud": {"essential": True, "value": app["client_id"]},
    }
    parameters = {"nonce": "n-1", "client_id": app["client_id"]}
    decoded = jwt.decode(token["id_token"], keys, algorithms=["ES256"])
    claims = CodeIDToken(decoded.claims, decoded.header, options, parameters)
    claims.validate()
    userinfo = client.get(METADATA["userinfo_endpoint"]).json()
    assert (userinfo["sub"], userinfo["email"]) == (claims["sub"], os.environ["NEXUS_EMAIL"]), userinfo


def a_secret_in_the_form():
    assert signed_in(session(application(token_endpoint_auth_method="client_secret_post")))["access_token"]


def private_key_jwt():
    key = ECKey.generate_key("P-256")
    public = key.as_dict(private=False)
    app = application(token_endpoint_auth_method="private_key_jwt", jwks={"keys": [public]})
    client = OAuth2Session(
        app["client_id"],
        key,
        token_endpoint_auth_method="private_key_jwt",
        code_challenge_method="S256",
        scope="openid",
        redirect_uri=CALLBACK,
    )
    client.register_client_auth_method(PrivateKeyJWT(METADATA["token_endpoint"], alg="ES256"))
    assert signed_in(client)["access_token"]


def client_credentials():
    app = application(
        redirect_uris=[], grant_types=["client_credentials"], scopes=["user-auth"], roles=["admin"]
    )
    client = OAuth2Session(app["client_id"], app["client_secret"], scope="user-auth:list-users")
    client.fetch_token(METADATA["token_endpoint"], grant_type="client_credentials")
    people = client.get(f"{URL}/api/users").json()
    assert people["items"][0]["email"] == os.environ["NEXUS_EMAIL"], people


def refresh_and_reuse():
    client = session(application())
    first = dict(signed_in(client))
    second = client.refresh_token(METADATA["token_endpoint"], refresh_token=first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    try:
        client.refresh_token(METADATA["token_endpoint"], refresh_token=first["refresh_token"])
        raise AssertionError("a refresh token was taken twice")
    except OAuthError as error:
        assert error.error == "invalid_grant", error


def introspection_and_revocation():
    client = session(application())
    token = signed_in(client)
    endpoint = METADATA["introspection_endpoint"]
    assert client.introspect_token(endpoint, token=token["access_token"]).json()["active"] is True
    assert client.revoke_token(METADATA["revocation_endpoint"], token=token["refresh_token"]).status_code == 200
    assert client.introspect_token(endpoint, token=token["access_token"]).json() == {"active": False}


def an_answer_to_another_request_is_refused():
    client = session(application())
    address, _ = client.create_authorization_url(METADATA["authorization_endpoint"], code_verifier="v" * 64)
    try:
        client.fetch_token(
            METADATA["token_endpoint"],
            authorization_response=answer(address),
            state="another",
            code_verifier="v" * 64,
        )
        raise AssertionError("a state was taken that is another")
    except Exception as error:  # noqa: BLE001: the library's class for it differs between versions
        assert "state" in str(error).lower(), error


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    cases.run(
        "Authlib",
        [
            code_flow_with_an_id_token_that_validates,
            a_secret_in_the_form,
            private_key_jwt,
            client_credentials,
            refresh_and_reuse,
            introspection_and_revocation,
            an_answer_to_another_request_is_refused,
        ],
    )
