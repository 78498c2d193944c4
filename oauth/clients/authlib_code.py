"""Authlib, as Debian has it: the code grant with PKCE, userinfo, refresh, introspection, and
revocation; an app's own tokens; an app that authenticates with a key."""

import json
import os
import sys
import urllib.request

import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.jose import JsonWebKey, JsonWebToken
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oidc.core import CodeIDToken
from authlib.common.security import generate_token

ENV = os.environ
ISSUER, CALLBACK, LOGIN = ENV["ISSUER"], ENV["CALLBACK"], ENV["LOGIN"]
SCOPE = "openid offline_access email envelope.read"


def get(url):
    res = requests.get(url, timeout=20)
    res.raise_for_status()
    return res.json()


META = get(ISSUER + "/.well-known/openid-configuration")
assert META["issuer"] == ISSUER, META["issuer"]


def browse(url):
    """Opens an address, and returns the one where the app gets its answer."""
    with urllib.request.urlopen(ENV["BROWSER"] + "/allow", data=url.encode(), timeout=60) as res:
        return res.read().decode()


def refused(error, call, *args, **kwargs):
    try:
        answer = call(*args, **kwargs)
    except OAuthError as err:
        assert err.error == error, err
        print("refused as it should be:", error)
    else:
        sys.exit(f"it was not refused with {error}: {answer}")


def check(token, client_id, nonce):
    """Checks an ID token."""
    keys = JsonWebKey.import_key_set(get(META["jwks_uri"]))
    wanted = {"iss": {"values": [ISSUER]}, "aud": {"values": [client_id]}}
    claims = JsonWebToken(["RS256", "ES256"]).decode(
        token["id_token"], keys, claims_cls=CodeIDToken, claims_options=wanted,
        claims_params={"nonce": nonce, "client_id": client_id, "access_token": token["access_token"]},
    )
    claims.validate(leeway=5)
    return claims


def sign_in(session, client_id):
    verifier, nonce = generate_token(48), generate_token(20)
    to, state = session.create_authorization_url(META["authorization_endpoint"], code_verifier=verifier, nonce=nonce, prompt="consent")
    back = browse(to)
    token = session.fetch_token(META["token_endpoint"], authorization_response=back, code_verifier=verifier, state=state)
    claims = check(token, client_id, nonce)
    info = session.get(META["userinfo_endpoint"]).json()
    assert info["sub"] == claims["sub"] and info["email"] == LOGIN, info
    old = token["refresh_token"]
    token = session.refresh_token(META["token_endpoint"], refresh_token=old)
    assert token["refresh_token"] != old
    about = session.introspect_token(META["introspection_endpoint"], token=token["access_token"]).json()
    assert about["active"] and about["client_id"] == client_id, about
    session.revoke_token(META["revocation_endpoint"], token=token["refresh_token"]).raise_for_status()
    refused("invalid_grant", session.refresh_token, META["token_endpoint"], refresh_token=token["refresh_token"])
    print("signed in as", info["email"], "and gave its tokens back:", session.token_endpoint_auth_method)


def own(session):
    token = session.fetch_token(META["token_endpoint"], grant_type="client_credentials", scope="envelope.read")
    assert token["scope"] == "envelope.read" and "refresh_token" not in token, token
    print("a token of its own:", session.token_endpoint_auth_method)


def app(client_id, secret, method):
    return OAuth2Session(
        client_id, secret, token_endpoint_auth_method=method, redirect_uri=CALLBACK, scope=SCOPE, code_challenge_method="S256",
        revocation_endpoint_auth_method=method,
    )


for method in ("client_secret_basic", "client_secret_post"):
    session = app(ENV["WEB_ID"], ENV["WEB_SECRET"], method)
    sign_in(session, ENV["WEB_ID"])
    own(app(ENV["WEB_ID"], ENV["WEB_SECRET"], method))

signed_key = json.loads(ENV["SIGNED_KEY"])
signed = app(ENV["SIGNED_ID"], signed_key, "private_key_jwt")
signed.register_client_auth_method(PrivateKeyJWT(META["token_endpoint"], alg="ES256", headers={"kid": signed_key["kid"]}))
own(signed)
refused("invalid_client", own, app(ENV["WEB_ID"], ENV["WEB_SECRET"] + "x", "client_secret_basic"))
