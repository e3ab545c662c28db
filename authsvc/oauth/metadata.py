"""Metadata: what this service can do, and nothing that does not work (OpenID Connect Discovery 1.0, RFC 8414)."""

from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request

from authsvc import languages
from authsvc.flows.authorize_app import Prompt
from authsvc.http.guards import public
from authsvc.models.apps import AuthMethod, IdTokenAlg
from authsvc.oauth.authorization_request import RESPONSE_MODES
from authsvc.oauth.token import grants
from authsvc.security import app_keys, pkce
from authsvc.services import app_scopes, id_tokens, resources, userinfo

blp = Blueprint("oauth_metadata", __name__)

_MAX_AGE = 3600
PATHS = (
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-protected-resource",
)


@blp.get(PATHS[0])
@public
def openid() -> Response:
    """Return the metadata where OpenID Connect looks for them."""
    return _answer(_metadata())


@blp.get(PATHS[1])
@public
def authorization_server() -> Response:
    """Return the same metadata where OAuth looks for them."""
    return _answer(_metadata())


@blp.get(PATHS[2])
@public
def protected_resource() -> Response:
    """Return the metadata of our own API, for which apps can have access tokens (RFC 9728)."""
    return _answer(_of_own_api())


def _answer(metadata: dict[str, Any]) -> Response:
    response = jsonify(metadata)
    response.headers["Cache-Control"] = f"public, max-age={_MAX_AGE}"
    response.add_etag()
    response.make_conditional(request)
    return response


def _metadata() -> dict[str, Any]:
    here = current_app.config["PUBLIC_URL"]
    return {
        "issuer": current_app.config["TOKEN_ISSUER"],
        "token_endpoint": f"{here}/oauth2/token",
        "userinfo_endpoint": f"{here}/oauth2/userinfo",
        "revocation_endpoint": f"{here}/oauth2/revoke",
        "introspection_endpoint": f"{here}/oauth2/introspect",
        "jwks_uri": f"{here}/.well-known/jwks.json",
        "scopes_supported": list(app_scopes.SCOPES),
        "response_types_supported": [],
        "grant_types_supported": grants(),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [algorithm.value for algorithm in IdTokenAlg],
        "acr_values_supported": [id_tokens.MULTI_FACTOR, id_tokens.SINGLE_FACTOR],
        "token_endpoint_auth_methods_supported": [method.value for method in AuthMethod],
        "token_endpoint_auth_signing_alg_values_supported": list(app_keys.ALGORITHMS),
        "revocation_endpoint_auth_methods_supported": [method.value for method in AuthMethod],
        "revocation_endpoint_auth_signing_alg_values_supported": list(app_keys.ALGORITHMS),
        "introspection_endpoint_auth_methods_supported": [
            method.value for method in AuthMethod if method != AuthMethod.NONE
        ],
        "introspection_endpoint_auth_signing_alg_values_supported": list(app_keys.ALGORITHMS),
        "claims_supported": [*id_tokens.CLAIMS, *userinfo.CLAIMS],
        "protected_resources": [resources.own_api()],
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "claims_parameter_supported": False,
        **(_by_pages() if current_app.config["ACCOUNT_PAGES"] else {}),
    }


def _by_pages() -> dict[str, Any]:
    """Return what there is only with the account pages: without them nobody can be asked anything."""
    here = current_app.config["PUBLIC_URL"]
    documents = (
        {} if current_app.config["APP_DOCUMENTS"] == ["off"] else {"client_id_metadata_document_supported": True}
    )
    return {
        "authorization_endpoint": f"{here}/oauth2/authorize",
        "device_authorization_endpoint": f"{here}/oauth2/device",
        "end_session_endpoint": f"{here}/oauth2/logout",
        "response_types_supported": ["code"],
        "response_modes_supported": list(RESPONSE_MODES),
        "code_challenge_methods_supported": [pkce.METHOD],
        "ui_locales_supported": list(languages.known()),
        "prompt_values_supported": [prompt.value for prompt in Prompt],
        "authorization_response_iss_parameter_supported": True,
        **documents,
    }


def _of_own_api() -> dict[str, Any]:
    return {
        "resource": resources.own_api(),
        "authorization_servers": [current_app.config["TOKEN_ISSUER"]],
        "scopes_supported": list(app_scopes.OF_OWN_API),
        "bearer_methods_supported": ["header"],
        "resource_name": "authsvc",
        "resource_documentation": f"{current_app.config['PUBLIC_URL']}/docs",
    }
