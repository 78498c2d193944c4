package oauth

import (
	"net/http"
	"slices"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control/grants"
	"github.com/keyporter/keyporter/web"
)

// metadata describes the server (RFC 8414, OpenID Connect Discovery): one document at both addresses.
func (s *server) metadata(w http.ResponseWriter, _ *http.Request, _ grants.Caller) error {
	scopes := []string{}
	for _, scope := range slices.Concat(keyporter.OpenIDScopes(), s.Scopes) {
		scopes = append(scopes, scope.Name)
	}
	at := func(path string) string { return s.Issuer + path }
	algs := grants.AssertionAlgorithms()
	methods := []string{clientSecretBasic, clientSecretPost, "private_key_jwt", "none"}
	doc := map[string]any{
		"issuer":                 s.Issuer,
		"authorization_endpoint": at(pathAuthorize), "token_endpoint": at(pathToken), "userinfo_endpoint": at(pathUserInfo), "jwks_uri": at(pathJWKS),
		"revocation_endpoint": at(pathRevoke), "introspection_endpoint": at(pathIntrospect),
		"pushed_authorization_request_endpoint": at(pathPAR), "device_authorization_endpoint": at(pathDevice),

		"scopes_supported": scopes, "response_types_supported": []string{"code"}, "response_modes_supported": []string{"query", "form_post"},
		"grant_types_supported":                 grantTypeNames(nil),
		"code_challenge_methods_supported":      []string{"S256"},
		"token_endpoint_auth_methods_supported": methods, "token_endpoint_auth_signing_alg_values_supported": algs,
		"revocation_endpoint_auth_methods_supported": methods, "revocation_endpoint_auth_signing_alg_values_supported": algs,
		"introspection_endpoint_auth_methods_supported": methods[:3], "introspection_endpoint_auth_signing_alg_values_supported": algs,
		"dpop_signing_alg_values_supported":              algs,
		"authorization_response_iss_parameter_supported": true,
		"subject_types_supported":                        []string{"public"}, "id_token_signing_alg_values_supported": signingAlgorithms(),
		"claims_supported":           []string{"sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "name", "preferred_username", "email", "email_verified", "org_id"},
		"claims_parameter_supported": false, "request_parameter_supported": false, "request_uri_parameter_supported": false,
		"prompt_values_supported": []string{"none", "login", "consent", "select_account"},
	}
	if s.Gateways {
		doc["introspection_endpoint_auth_methods_supported"] = append(slices.Clone(methods[:3]), "Bearer") // RFC 8414 §2
	}
	if s.Register {
		doc["registration_endpoint"] = at(pathRegister)
	}
	w.Header().Del("Pragma")
	w.Header().Set("Cache-Control", "public, max-age=300")
	web.WriteJSON(w, http.StatusOK, doc)
	return nil
}
