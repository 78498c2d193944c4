package keyporter_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// suite lists the modules of the OpenID conformance suite that the documents must cover.
func suite() []string {
	return strings.Fields(`
		ServerTest ResponseTypeMissing IdTokenSignature IdTokenUnsigned UserInfoGet UserInfoPostHeader UserInfoPostBody
		EnsureRequestWithoutNonceSucceedsForCodeFlow ScopeProfile ScopeEmail ScopeAddress ScopePhone ScopeAll AlternateHappyFlow
		DisplayPage DisplayPopup PromptLogin PromptNoneNotLoggedIn PromptNoneLoggedIn MaxAge1 MaxAge10000
		EnsureRequestWithUnknownParameterSucceeds IdTokenHint LoginHint UiLocales ClaimsLocales EnsureRequestWithAcrValuesSucceeds
		AuthCodeReuse AuthCodeReuseAfter30Seconds EnsureRegisteredRedirectUri EnsurePostRequestSucceeds ServerTestClientSecretPost
		RequestUriUnsigned RequestUriUnsignedSupportedCorrectlyOrRejectedAsUnsupported
		UnsignedRequestObjectSupportedCorrectlyOrRejectedAsUnsupported EnsureRequestObjectWithRedirectUri ClaimsEssential
		EnsureRequestWithValidPkceSucceeds RefreshToken

		DiscoveryEndpointVerification

		EnsureRedirectUriInAuthorizationRequest RedirectUriQueryOK RedirectUriQueryMismatch RedirectUriQueryAdded RedirectUriRegFrag
		RegistrationJwksUri RegistrationLogoUri RegistrationPolicyUri RegistrationTosUri RegistrationSectorUri ServerRotateKeys
		RefreshTokenRPKeyRotation EnsureClientAssertionWithIssAudSucceeds

		PAREnsurePKCERequired PAREnsurePlainPKCERejected PAREnsurePKCECodeVerifierRequired PARIncorrectPKCECodeVerifierRejected
		PARAttemptReuseRequestUri PARAttemptToUseExpiredRequestUri PARRejectInvalidHttpVerb PARRejectRequestUriInParAuthorizationRequest
		ParWithoutDuplicateParameters PARArrayAsAudienceFails PAREndpointAsAudienceFails PARTokenEndpointAsAudienceFails
		EnsureUnsignedAuthorizationRequestWithoutUsingParFails AttemptReuseAuthorizationCodeAfterOneSecond AttemptToUseExpiredAuthCode
		EnsureResponseTypeTokenFails EnsureResponseTypeCodeIdTokenFails EnsureAuthorizationRequestWithLongState
		EnsureAuthorizationRequestWithLongNonce EnsureAuthorizationRequestWithoutState EnsureOtherScopeOrderSucceeds
		AccessTokenTypeHeaderCaseSensitivity EnsureHolderOfKeyRequired DpopNegativeTests CheckDpopProofNbfExp
		EnsureDpopProofWithIat10SecondsBeforeSucceeds EnsureDpopProofWithIat10SecondsAfterSucceeds EnsureDpopAuthCodeBindingSuccess
		EnsureMismatchedDpopJktFails EnsureTokenEndpointFailsWithMismatchedDpopJkt EnsureTokenEndpointFailsWithMismatchedDpopProofJkt
		UserRejectsAuthentication`)
}

func TestDocumentsCoverEveryConformanceModule(t *testing.T) {
	text := document(t, "docs/reference/conformance.md")
	for _, module := range suite() {
		if !strings.Contains(text, "\n| "+module+" | ") {
			t.Errorf("docs/reference/conformance.md has no line for %s", module)
		}
	}
}

// Every test that a document names must exist, in this module or in one nested in it. The name
// of a subtest follows a slash, spelled as in the source.
func TestDocumentsNameExistingTests(t *testing.T) {
	tests := namedTests(t)
	for _, path := range []string{"docs/explanation/security.md", "docs/reference/conformance.md"} {
		for _, match := range regexp.MustCompile("`(Test[^`]*)`").FindAllStringSubmatch(document(t, path), -1) {
			name, part, hasPart := strings.Cut(match[1], "/")
			begins, cut := strings.CutSuffix(name, "…")
			texts, found := tests[name]
			if cut {
				found = slices.ContainsFunc(slices.Collect(maps.Keys(tests)), func(n string) bool { return strings.HasPrefix(n, begins) })
			}
			if !found || hasPart && !slices.Contains(texts, part) {
				t.Errorf("%s names %s, which isn't a test", path, match[1])
			}
		}
	}
}

func document(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// namedTests maps every test to the string literals in it, which may be the names of its
// subtests. The subtests of TestScripts are files next to it.
func namedTests(t *testing.T) map[string][]string {
	t.Helper()
	tests := map[string][]string{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				tests[f.Name.Name] = textsIn(f)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Glob("oauth/clients/*_*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range scripts {
		tests["TestScripts"] = append(tests["TestScripts"], filepath.Base(path))
	}
	return tests
}

func textsIn(n ast.Node) (texts []string) {
	ast.Inspect(n, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if text, err := strconv.Unquote(lit.Value); err == nil {
				texts = append(texts, text)
			}
		}
		return true
	})
	return texts
}
